//! Loopback addresses that belong to one environment of one state folder.

use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The first three parts of the nodes' addresses, `127.x.y`.
///
/// They follow from the state folder, so that two clusters on one machine keep apart without being told to,
/// and an environment has the same addresses every day.
pub fn network(state: &Path) -> [u8; 3] {
    let absolute = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let hash = Sha256::digest(absolute.as_os_str().as_encoded_bytes());
    // The lower half is where people put addresses by hand.
    [127, 64 + hash[0] % 190, hash[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_folders_have_two_networks() {
        assert_ne!(network(Path::new("/a")), network(Path::new("/b")));
        assert_eq!(network(Path::new("/a")), network(Path::new("/a")));
    }
}
