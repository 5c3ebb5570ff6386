//! The frame that all objects of the API share: id, type, href, metadata, properties, entities.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::{IgnoredAny, MapAccess};

use super::lenient::{Address, Count, Identity, Instant, OrNull, State, Text, Type, Word};
use super::notes::Context;
use super::record::{Boxed, Record, keep_in_extra, read_known, record};
use crate::api::frame::Frame;
use crate::domain::body::Extras;
use crate::domain::unknown::Nullable;

/// One object. At depth 0 a list holds bare references: only `id`, `kind` and `href` are there.
#[derive(Clone, Debug)]
pub struct Object<P, E> {
    /// `id`. A contract has none.
    pub id: Option<Arc<str>>,
    /// `type`.
    pub kind: Option<Word>,
    /// `href`, an absolute address; never followed.
    pub href: Option<String>,
    /// `metadata`. Groups and shares have none.
    pub metadata: Option<Box<Metadata>>,
    /// `properties`, absent in bare references.
    pub properties: Option<Box<P>>,
    /// `entities`, absent or null in answers to writes.
    pub entities: Option<Box<E>>,
    /// Properties beside those that this version does not know.
    pub extra: Extras,
}

impl<P, E> Default for Object<P, E> {
    fn default() -> Self {
        Self {
            id: None,
            kind: None,
            href: None,
            metadata: None,
            properties: None,
            entities: None,
            extra: Extras::new(),
        }
    }
}

impl<P: Record, E: Record> Record for Object<P, E> {
    fn model() -> &'static str {
        P::model().split_once('.').map_or("object", |(owner, _)| owner)
    }

    fn index(name: &str) -> Option<usize> {
        ["id", "type", "href", "metadata", "properties", "entities"].iter().position(|known| *known == name)
    }

    read_known!(
        id: Identity = "id",
        kind: Type = "type",
        href: Address = "href",
        metadata: Boxed<Metadata> = "metadata",
        properties: Boxed<P> = "properties",
        entities: Boxed<E> = "entities",
    );

    fn frame(&self) -> Frame<'_> {
        Frame { id: self.id.as_deref(), kind: self.kind.as_deref(), href: self.href.as_deref(), ..Frame::default() }
    }

    keep_in_extra!();
}

record! {
    /// `metadata` of users, resources and S3 keys. Which of it is there depends on the object and on the version.
    Metadata in "metadata" {
        /// `etag`; the same for many users, so no sign of change.
        etag: String as Text = "etag",
        /// `createdDate`.
        created: DateTime<Utc> as Instant = "createdDate",
        /// `createdBy`: an e-mail address, `System`, or a URN.
        created_by: String as Text = "createdBy",
        /// `createdByUserId`.
        created_by_user_id: String as Text = "createdByUserId",
        /// `lastModifiedDate`.
        modified: DateTime<Utc> as Instant = "lastModifiedDate",
        /// `lastModifiedBy`.
        modified_by: String as Text = "lastModifiedBy",
        /// `lastModifiedByUserId`.
        modified_by_user_id: String as Text = "lastModifiedByUserId",
        /// `state`, of resources.
        state: Word as State = "state",
        /// `lastLogin`, of users; null for someone who never signed in.
        last_login: Nullable<DateTime<Utc>> as OrNull<Instant> = "lastLogin",
        /// `version`, of some resources.
        version: u64 as Count = "version",
    }
}

/// Entities of objects that have none.
#[derive(Clone, Debug, Default)]
pub struct NoEntities {
    /// Properties this version does not know: all of them.
    pub extra: Extras,
}

impl Record for NoEntities {
    fn model() -> &'static str {
        "entities"
    }

    fn index(_: &str) -> Option<usize> {
        None
    }

    fn read_known<'de, A: MapAccess<'de>>(&mut self, _: usize, map: &mut A, _: &Context) -> Result<(), A::Error> {
        map.next_value::<IgnoredAny>().map(|_| ())
    }

    keep_in_extra!();
}
