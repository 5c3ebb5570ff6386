//! The IONOS user management API as a local server.
