//! What one request sees: the world, through one version's eyes. The two depth functions live here, and nothing here
//! decides about a request.
//!
//! `obj(o, d)` = id, type, href, metadata, properties, and each child collection `c` as `coll(c, d - 1)`, or as bare
//! `{id, type, href}` when `d` is 0. `coll(c, d)` = id, type, href and the items, each as `obj(i, d - 1)`, or as bare
//! `{id, type, href}` when `d` is 0. A single read is `obj` at the depth asked for, a list `coll`.

use chrono::{DateTime, Utc};

use super::{Problem, Version};
use crate::json::Writer;
use crate::world::{Group, Id, Key, Kind, Resource, Share, User, World};

/// Deep answers grow with every level; past this many bytes one is refused instead of filling the memory.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// One thing that can stand in a list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'w> {
    User(&'w User),
    Group(&'w Group),
    Resource(&'w Resource),
    Share(&'w Group, &'w Id, Share),
    Key(&'w User, &'w Key),
}

/// One list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Coll<'w> {
    Users,
    Groups,
    Resources,
    OfKind(Kind),
    UserGroups(&'w User),
    Owns(&'w User),
    Keys(&'w User),
    Members(&'w Group),
    GroupResources(&'w Group),
    Shares(&'w Group),
    ResourceGroups(&'w Resource),
}

/// The world as one request sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'w> {
    pub(crate) world: &'w World,
    /// `http://127.0.0.1:PORT/cloudapi/v6`
    pub(crate) base: &'w str,
    pub(crate) version: Version,
    /// With a seed, every list comes in an order of its own.
    pub(crate) shuffle: Option<u64>,
    pub(crate) now: DateTime<Utc>,
}

impl<'w> View<'w> {
    /// `obj` of the specification: a whole object.
    pub(crate) fn object(&self, w: &mut Writer, node: Node<'w>, depth: u32) {
        self.bare(w, node);
        let children = node.children();
        if !children.is_empty() {
            w.member("entities", |w| {
                for (name, child) in children {
                    w.member(name, |w| match depth.checked_sub(1) {
                        None => self.list_reference(w, child),
                        Some(depth) => self.collection(w, child, depth),
                    });
                }
            });
        }
    }

    /// An object as writes answer it: without entities.
    pub(crate) fn bare(&self, w: &mut Writer, node: Node<'w>) {
        self.reference(w, node);
        self.contents(w, node);
    }

    /// `coll` of the specification: a whole list.
    pub(crate) fn collection(&self, w: &mut Writer, list: Coll<'w>, depth: u32) {
        self.items(w, list, &self.nodes(list), depth);
    }

    /// A list of which only these items were selected.
    pub(crate) fn items(&self, w: &mut Writer, list: Coll<'w>, nodes: &[Node<'w>], depth: u32) {
        self.list_reference(w, list);
        w.array("items", |w| {
            for &node in nodes {
                if w.len() > MAX_ANSWER_BYTES {
                    break;
                }
                w.object(|w| match depth.checked_sub(1) {
                    None => self.reference(w, node),
                    Some(depth) => self.object(w, node, depth),
                });
            }
        });
    }

    /// The finished answer, unless it grew too long.
    pub(crate) fn finish(w: Writer) -> Result<String, Problem> {
        if w.len() > MAX_ANSWER_BYTES {
            return Err(Problem::constraint("depth", "the answer would be too long, ask for a lower depth"));
        }
        Ok(w.finish())
    }

    /// What a list holds, in the order in which it is answered.
    pub(crate) fn nodes(&self, list: Coll<'w>) -> Vec<Node<'w>> {
        let world = self.world;
        let groups = |ids: &mut dyn Iterator<Item = &'w Id>| -> Vec<Node<'w>> {
            ids.filter_map(|id| world.group(id)).map(Node::Group).collect()
        };
        let mut nodes: Vec<Node<'w>> = match list {
            Coll::Users => world.users().map(Node::User).collect(),
            Coll::Groups => world.groups().map(Node::Group).collect(),
            Coll::Resources => world.resources().map(Node::Resource).collect(),
            Coll::OfKind(kind) => world.resources().filter(|it| it.kind == kind).map(Node::Resource).collect(),
            Coll::UserGroups(user) => groups(&mut world.groups_of(&user.id)),
            Coll::ResourceGroups(resource) => groups(&mut world.groups_seeing(&resource.id)),
            Coll::Owns(user) => world.owns(&user.id).filter_map(|id| world.resource(id)).map(Node::Resource).collect(),
            Coll::Keys(user) => world.keys(&user.id).map(|key| Node::Key(user, key)).collect(),
            Coll::Members(group) => world.members(&group.id).filter_map(|id| world.user(id)).map(Node::User).collect(),
            Coll::GroupResources(group) => {
                world.shares(&group.id).filter_map(|(id, _)| world.resource(id)).map(Node::Resource).collect()
            }
            Coll::Shares(group) => world.shares(&group.id).map(|(id, share)| Node::Share(group, id, share)).collect(),
        };
        if let Some(seed) = self.shuffle {
            nodes.sort_by_cached_key(|node| (mixed(seed, node.id()), node.id().clone()));
        }
        nodes
    }

    /// `{id, type, href}` of a thing.
    fn reference(&self, w: &mut Writer, node: Node<'w>) {
        let (kind, path) = match node {
            Node::User(user) => ("user", format!("/um/users/{}", user.id)),
            Node::Group(group) => ("group", format!("/um/groups/{}", group.id)),
            Node::Resource(it) => (it.kind.name(), format!("/um/resources/{}/{}", it.kind, it.id)),
            Node::Share(group, id, _) => ("resource", format!("/um/groups/{}/shares/{id}", group.id)),
            Node::Key(user, key) => ("s3key", format!("/um/users/{}/s3keys/{}", user.id, key.id)),
        };
        w.text("id", node.id());
        w.text("type", kind);
        w.text("href", &format!("{}{path}", self.base));
    }

    /// `{id, type, href}` of a list.
    fn list_reference(&self, w: &mut Writer, list: Coll<'w>) {
        let (id, path) = match list {
            Coll::Users => ("users".to_owned(), "/um/users".to_owned()),
            Coll::Groups => ("groups".to_owned(), "/um/groups".to_owned()),
            Coll::Resources => ("resources".to_owned(), "/um/resources".to_owned()),
            Coll::OfKind(kind) => ("resources".to_owned(), format!("/um/resources/{kind}")),
            Coll::UserGroups(user) => below("users", &user.id, "groups"),
            Coll::Owns(user) => below("users", &user.id, "owns"),
            Coll::Keys(user) => below("users", &user.id, "s3keys"),
            Coll::Members(group) => below("groups", &group.id, "users"),
            Coll::GroupResources(group) => below("groups", &group.id, "resources"),
            Coll::Shares(group) => below("groups", &group.id, "shares"),
            Coll::ResourceGroups(it) => {
                (format!("{}/groups", it.id), format!("/um/resources/{}/{}/groups", it.kind, it.id))
            }
        };
        w.text("id", &id);
        w.text("type", "collection");
        w.text("href", &format!("{}{path}", self.base));
    }
}

fn below(parents: &str, id: &str, list: &str) -> (String, String) {
    (format!("{id}/{list}"), format!("/um/{parents}/{id}/{list}"))
}

impl<'w> Node<'w> {
    pub(crate) fn id(self) -> &'w Id {
        match self {
            Self::User(user) => &user.id,
            Self::Group(group) => &group.id,
            Self::Resource(resource) => &resource.id,
            Self::Share(_, id, _) => id,
            Self::Key(_, key) => &key.id,
        }
    }

    /// The entities of a thing; shares and keys are nobody's entity.
    fn children(self) -> Vec<(&'static str, Coll<'w>)> {
        match self {
            Self::User(user) => vec![("owns", Coll::Owns(user)), ("groups", Coll::UserGroups(user))],
            Self::Group(group) => vec![("users", Coll::Members(group)), ("resources", Coll::GroupResources(group))],
            Self::Resource(resource) => vec![("groups", Coll::ResourceGroups(resource))],
            Self::Share(..) | Self::Key(..) => Vec::new(),
        }
    }
}

/// FNV-1a over the seed and a text: an order that depends on nothing but the two.
pub(crate) fn mixed(seed: u64, text: &str) -> u64 {
    seed.to_le_bytes()
        .iter()
        .chain(text.as_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
