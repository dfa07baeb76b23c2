//! Keys at rest: a type that can't be printed, a public index, and the store port with its adapters.

mod audit;
mod backup;
mod file;
mod identity;
mod index;
mod key_name;
mod sealed;
mod secret;
mod stand_in;
mod store;

pub use audit::{AuditError, Author, Entry, agree, history};
pub use backup::{BackupError, contents, pack, unpack};
pub use file::{is_recipient, open_file, public_key, seal_file};
pub use identity::{IdentityError, ensure_identity, identity_path, read_identity};
pub use index::{Document, EVERYBODY, Index, KeyEntry, Passing, Revocation};
pub use key_name::{Beside, KeyKind, KeyName};
pub use sealed::SealedDirectory;
pub(crate) use sealed::{private_folder, replace, write_private};
pub use secret::{Secret, Ticket};
pub use stand_in::{Entropy, OsEntropy, StandIn};
pub(crate) use store::Draft;
pub use store::{Change, Contents, NewKey, SecretStore, StoreError};
