//! The operations of the API by the vendor's own names: method, path template and operationId, all 30 and three neighbours.
//!
//! Source: the vendor's OpenAPI documents of v5 and v6, which agree on every method, path and name.

use std::fmt;

use super::error::Fault;

/// The HTTP methods of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Deletes.
    Delete,
}

impl Method {
    /// The method as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation of the API.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// The vendor's operationId.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path behind the base address, ids in braces.
    pub template: &'static str,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.template)
    }
}

impl Operation {
    const fn new(id: &'static str, method: Method, template: &'static str) -> Self {
        Self { id, method, template }
    }

    /// The path with ids in the place of the braces, each percent-encoded so that it stays one segment.
    pub(super) fn path(&self, ids: &[&str]) -> Result<String, Fault> {
        let mut path = String::with_capacity(self.template.len() + 40 * ids.len());
        let mut ids = ids.iter();
        for segment in self.template.split('/').skip(1) {
            path.push('/');
            if segment.starts_with('{') {
                encode(ids.next().ok_or(Fault::UnusableId)?, &mut path)?;
            } else {
                path.push_str(segment);
            }
        }
        Ok(path)
    }
}

/// Writes an id as one path segment. Dots alone would climb the path, encoded or not.
fn encode(id: &str, path: &mut String) -> Result<(), Fault> {
    if matches!(id, "" | "." | "..") {
        return Err(Fault::UnusableId);
    }
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push('%');
            path.push_str(&hex::encode_upper([byte]));
        }
    }
    Ok(())
}

/// Declares the operations and the lists of them.
macro_rules! operations {
    ($($list:ident: $list_doc:literal { $($name:ident = $id:literal, $method:ident, $template:literal;)* })*) => {
        $(
            $(
                #[doc = concat!("`", $id, "`: `", $template, "`.")]
                pub const $name: &Operation = &Operation::new($id, Method::$method, $template);
            )*
            #[doc = $list_doc]
            pub const $list: &[&Operation] = &[$($name),*];
        )*
    };
}

operations! {
    READS: "The 15 reads." {
        USERS = "umUsersGet", Get, "/um/users";
        USER = "umUsersFindById", Get, "/um/users/{userId}";
        USER_GROUPS = "umUsersGroupsGet", Get, "/um/users/{userId}/groups";
        USER_OWNS = "umUsersOwnsGet", Get, "/um/users/{userId}/owns";
        GROUPS = "umGroupsGet", Get, "/um/groups";
        GROUP = "umGroupsFindById", Get, "/um/groups/{groupId}";
        GROUP_USERS = "umGroupsUsersGet", Get, "/um/groups/{groupId}/users";
        GROUP_RESOURCES = "umGroupsResourcesGet", Get, "/um/groups/{groupId}/resources";
        GROUP_SHARES = "umGroupsSharesGet", Get, "/um/groups/{groupId}/shares";
        GROUP_SHARE = "umGroupsSharesFindByResourceId", Get, "/um/groups/{groupId}/shares/{resourceId}";
        RESOURCES = "umResourcesGet", Get, "/um/resources";
        RESOURCES_OF_TYPE = "umResourcesFindByType", Get, "/um/resources/{resourceType}";
        RESOURCE = "umResourcesFindByTypeAndId", Get, "/um/resources/{resourceType}/{resourceId}";
        USER_S3KEYS = "umUsersS3keysGet", Get, "/um/users/{userId}/s3keys";
        USER_S3KEY = "umUsersS3keysFindByKeyId", Get, "/um/users/{userId}/s3keys/{keyId}";
    }
    WRITES: "The 14 writes." {
        CREATE_USER = "umUsersPost", Post, "/um/users";
        REPLACE_USER = "umUsersPut", Put, "/um/users/{userId}";
        DELETE_USER = "umUsersDelete", Delete, "/um/users/{userId}";
        CREATE_GROUP = "umGroupsPost", Post, "/um/groups";
        REPLACE_GROUP = "umGroupsPut", Put, "/um/groups/{groupId}";
        DELETE_GROUP = "umGroupsDelete", Delete, "/um/groups/{groupId}";
        ADD_GROUP_USER = "umGroupsUsersPost", Post, "/um/groups/{groupId}/users";
        REMOVE_GROUP_USER = "umGroupsUsersDelete", Delete, "/um/groups/{groupId}/users/{userId}";
        CREATE_SHARE = "umGroupsSharesPost", Post, "/um/groups/{groupId}/shares/{resourceId}";
        REPLACE_SHARE = "umGroupsSharesPut", Put, "/um/groups/{groupId}/shares/{resourceId}";
        DELETE_SHARE = "umGroupsSharesDelete", Delete, "/um/groups/{groupId}/shares/{resourceId}";
        CREATE_S3KEY = "umUsersS3keysPost", Post, "/um/users/{userId}/s3keys";
        REPLACE_S3KEY = "umUsersS3keysPut", Put, "/um/users/{userId}/s3keys/{keyId}";
        DELETE_S3KEY = "umUsersS3keysDelete", Delete, "/um/users/{userId}/s3keys/{keyId}";
    }
    SIGN_ON: "The one operation that hands out a sign-on credential." {
        S3_SIGN_ON = "umUsersS3ssourlGet", Get, "/um/users/{userId}/s3ssourl";
    }
    NEIGHBOURS: "Reads beside user management that a client needs." {
        CONTRACTS = "contractsGet", Get, "/contracts";
        SERVICE = "apiInfoGet", Get, "/";
        REQUEST_STATUS = "requestsStatusGet", Get, "/requests/{requestId}/status";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_thirty_operations_and_no_two_are_alike() {
        let all: BTreeSet<_> =
            [READS, WRITES, SIGN_ON].concat().iter().map(|operation| (operation.method, operation.template)).collect();
        let ids: BTreeSet<_> = [READS, WRITES, SIGN_ON].concat().iter().map(|operation| operation.id).collect();
        assert_eq!((READS.len(), WRITES.len(), SIGN_ON.len()), (15, 14, 1));
        assert_eq!((all.len(), ids.len()), (30, 30));
        assert!(READS.iter().chain(NEIGHBOURS).all(|operation| operation.method == Method::Get));
        assert!(WRITES.iter().all(|operation| operation.method != Method::Get));
    }

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        let path = |ids: &[&str]| GROUP_SHARE.path(ids).ok();
        assert_eq!(path(&["g-1", "r_2"]).as_deref(), Some("/um/groups/g-1/shares/r_2"));
        assert_eq!(
            path(&["a/../b", "c?d=e#f%2F ü"]).as_deref(),
            Some("/um/groups/a%2F..%2Fb/shares/c%3Fd%3De%23f%252F%20%C3%BC")
        );
        for bad in ["", ".", ".."] {
            assert_eq!(path(&[bad, "r"]), None, "{bad}");
        }
        assert_eq!(path(&["only one"]), None);
    }
}
