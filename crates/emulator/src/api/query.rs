//! The query parameters of a read: depth, pretty, offset and limit, and v6's filters, order and cap.

use axum::extract::Query;
use axum::http::Uri;

use super::{Problem, Version};

/// How depths above 1 are answered, because nobody knows what the live API does today.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deep {
    /// As deep as asked.
    #[default]
    Honour,
    /// As if 1 had been asked for.
    Clamp,
    /// With 422.
    Refuse,
}

/// The deepest answer that the documents ever allowed.
const DEEPEST: u32 = 10;
/// Users on one page, by default and at most.
const PAGE: usize = 100;

/// What a request asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) depth: u32,
    pub(crate) pretty: bool,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// Property and accepted values: any value of every property has to fit.
    pub(crate) filters: Vec<(String, Vec<String>)>,
    pub(crate) order_by: Option<String>,
    pub(crate) max_results: Option<usize>,
}

impl Asked {
    /// Reads the query; what it does not know it ignores, as the API does.
    pub(crate) fn parse(uri: &Uri, version: Version, deep: Deep) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::unreadable(format!("the query cannot be read: {error}")))?;
        let mut asked = Self {
            depth: 0,
            pretty: true,
            offset: 0,
            limit: PAGE,
            filters: Vec::new(),
            order_by: None,
            max_results: None,
        };
        for (name, value) in pairs {
            asked.take(&name, &value, version)?;
        }
        asked.depth = match (asked.depth, deep) {
            (2.., Deep::Clamp) => 1,
            (2.., Deep::Refuse) => {
                return Err(Problem::constraint("depth", "Attribute 'depth' must be between 0 and 1"));
            }
            (depth, _) => depth,
        };
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str, version: Version) -> Result<(), Problem> {
        match name {
            "depth" => {
                let depth = within(name, value, 0, DEEPEST as usize)?;
                self.depth = depth.try_into().unwrap_or(DEEPEST);
            }
            "pretty" => self.pretty = boolean(name, value)?,
            "offset" => self.offset = within(name, value, 0, i32::MAX as usize)?,
            "limit" => self.limit = within(name, value, 1, PAGE)?,
            "maxResults" if version == Version::V6 => {
                self.max_results = Some(within(name, value, 1, i32::MAX as usize)?);
            }
            "orderBy" if version == Version::V6 => self.order_by = Some(value.to_owned()),
            _ if version == Version::V6 => {
                if let Some(property) = name.strip_prefix("filter.") {
                    let values = value.split(',').map(str::to_lowercase).collect();
                    self.filters.push((property.to_owned(), values));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn within(name: &str, value: &str, least: usize, most: usize) -> Result<usize, Problem> {
    let number: i64 = value
        .parse()
        .map_err(|_| Problem::unreadable(format!("parameter '{name}' is not a whole number: '{value}'")))?;
    usize::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| Problem::constraint(name, &format!("Attribute '{name}' must be between {least} and {most}")))
}

fn boolean(name: &str, value: &str) -> Result<bool, Problem> {
    match value.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Problem::unreadable(format!("parameter '{name}' is not a boolean: '{value}'"))),
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn parse(query: &str, version: Version, deep: Deep) -> Result<Asked, u16> {
        let uri: Uri = format!("/um/users?{query}").parse().unwrap();
        Asked::parse(&uri, version, deep).map_err(|problem| problem.into_response().status().as_u16())
    }

    #[track_caller]
    fn check_depth(query: &str, deep: Deep, expected: Result<u32, u16>) {
        assert_eq!(parse(query, Version::V6, deep).map(|asked| asked.depth), expected, "{query} {deep:?}");
    }

    #[test]
    fn depth_is_honoured_clamped_or_refused_as_switched() {
        check_depth("", Deep::Honour, Ok(0));
        check_depth("depth=3", Deep::Honour, Ok(3));
        check_depth("depth=3", Deep::Clamp, Ok(1));
        check_depth("depth=2", Deep::Refuse, Err(422));
        check_depth("depth=1", Deep::Refuse, Ok(1));
        check_depth("depth=11", Deep::Honour, Err(422));
        check_depth("depth=-1", Deep::Honour, Err(422));
        check_depth("depth=deep", Deep::Honour, Err(400));
    }

    #[track_caller]
    fn check_page(query: &str, expected: Result<(usize, usize), u16>) {
        let page = parse(query, Version::V5, Deep::Honour).map(|asked| (asked.offset, asked.limit));
        assert_eq!(page, expected, "{query}");
    }

    #[test]
    fn a_page_has_at_most_a_hundred_users() {
        check_page("", Ok((0, 100)));
        check_page("limit=7&offset=14", Ok((14, 7)));
        check_page("limit=101", Err(422));
        check_page("limit=0", Err(422));
        check_page("offset=-1", Err(422));
        check_page("offset=x", Err(400));
    }

    #[test]
    fn filters_order_and_cap_exist_in_v6_only() {
        let query = "filter.email=A@b.c,D&orderBy=name&maxResults=3&pretty=false&unknown=1";
        let v6 = parse(query, Version::V6, Deep::Honour).unwrap();
        assert_eq!(v6.filters, [("email".to_owned(), vec!["a@b.c".to_owned(), "d".to_owned()])]);
        assert_eq!((v6.order_by.as_deref(), v6.max_results, v6.pretty), (Some("name"), Some(3), false));
        let v5 = parse(query, Version::V5, Deep::Honour).unwrap();
        assert_eq!((v5.filters.len(), v5.order_by, v5.max_results), (0, None, None));
    }
}
