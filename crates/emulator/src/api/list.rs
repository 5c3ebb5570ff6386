//! Which items of a list are answered: v6's order, cap and filters, and the pages of users.

use super::view::{Coll, Node, View};
use super::{Asked, Problem};
use crate::json::Writer;

/// Writes a whole list answer.
pub(super) fn render<'w>(view: &View<'w>, list: Coll<'w>, asked: &Asked) -> Result<Writer, Problem> {
    // Resources by type alone among the lists know no order, cap and filter.
    let nodes = match list {
        Coll::OfKind(_) => view.nodes(list),
        _ => selected(view.nodes(list), asked)?,
    };
    let mut writer = Writer::new(asked.pretty);
    writer.object(|w| match list {
        Coll::Users => {
            view.items(w, list, page(&nodes, asked), asked.depth);
            links(w, view.base, nodes.len(), asked);
        }
        _ => view.items(w, list, &nodes, asked.depth),
    });
    Ok(writer)
}

/// Orders, then caps, then filters: the cap counts before the filter, a page after it.
fn selected<'w>(mut nodes: Vec<Node<'w>>, asked: &Asked) -> Result<Vec<Node<'w>>, Problem> {
    if let Some(property) = &asked.order_by {
        known(&nodes, "orderBy", property)?;
        nodes.sort_by_cached_key(|node| node.property(property));
    }
    if let Some(cap) = asked.max_results {
        nodes.truncate(cap);
    }
    for (property, values) in &asked.filters {
        known(&nodes, "filter", property)?;
        nodes.retain(|node| {
            let text = node.property(property).unwrap_or_default().to_lowercase();
            values.iter().any(|value| text.contains(value))
        });
    }
    Ok(nodes)
}

fn known(nodes: &[Node<'_>], parameter: &str, property: &str) -> Result<(), Problem> {
    match nodes.first() {
        Some(node) if node.property(property).is_none() => {
            Err(Problem::constraint(parameter, &format!("Attribute '{property}' not allowed.")))
        }
        _ => Ok(()),
    }
}

fn page<'a, 'w>(nodes: &'a [Node<'w>], asked: &Asked) -> &'a [Node<'w>] {
    let from = asked.offset.min(nodes.len());
    let to = from.saturating_add(asked.limit).min(nodes.len());
    &nodes[from..to]
}

/// Offset, limit and the links to the neighbours. There is no total.
fn links(w: &mut Writer, base: &str, total: usize, asked: &Asked) {
    let (offset, limit) = (asked.offset, asked.limit);
    let link = |offset: usize| format!("{base}/um/users?offset={offset}&limit={limit}");
    w.number("offset", offset as u64);
    w.number("limit", limit as u64);
    w.member("_links", |w| {
        if offset > 0 {
            w.text("prev", &link(offset.saturating_sub(limit)));
        }
        w.text("self", &link(offset));
        if offset.saturating_add(limit) < total {
            w.text("next", &link(offset + limit));
        }
    });
}
