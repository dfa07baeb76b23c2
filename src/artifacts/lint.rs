//! The last look at a node's folder before a server sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Bundle, Content};
use crate::render::{ConfigError, ConfigText, Finding, Surroundings, lint_config};

/// Finds what is wrong with a node's folder that `nats-server -t` would let through.
///
/// Only what the folder itself says is looked at: the machine's disk is another matter.
pub fn lint_bundle(bundle: &Bundle, now: Timestamp) -> Result<Vec<Finding>, ConfigError> {
    let mut public = BTreeMap::new();
    for file in &bundle.files {
        if let Content::Public(text) = &file.content {
            public.insert(file.path.clone(), Ok(text.clone()));
        }
    }
    let config = match public.remove("nats.conf") {
        Some(Ok(config)) => config,
        _ => String::new(),
    };
    let around = Surroundings { certificates: public, disk: None, store_problem: None, now };
    Ok(lint_config(&ConfigText::parse(&config)?, &around))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::BundleFile;

    fn bundle(files: &[(&str, &str)]) -> Bundle {
        let files = files.iter().map(|(path, text)| BundleFile {
            path: (*path).to_owned(),
            content: Content::Public((*text).to_owned()),
        });
        Bundle { files: files.collect() }
    }

    fn ids(files: &[(&str, &str)]) -> Vec<&'static str> {
        let findings = lint_bundle(&bundle(files), Timestamp::UNIX_EPOCH).unwrap();
        findings.iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn a_folder_is_judged_by_what_lies_in_it() {
        let config = "tls { cert_file: \"tls/node.pem\" }\nport: 4222\n";
        assert_eq!(ids(&[("nats.conf", config)]), ["certificate-unreadable"]);
        assert_eq!(
            ids(&[("tls/node.pem", "nothing"), ("nats.conf", config)]),
            ["certificate-unreadable"]
        );
        assert_eq!(ids(&[("nats.conf", "port: 4222\nport: 4223\n")]), ["repeated-setting"]);
        assert_eq!(ids(&[("nats.conf", "port: 4222\n")]), Vec::<&str>::new());
        assert!(lint_bundle(&bundle(&[("nats.conf", "port: {")]), Timestamp::UNIX_EPOCH).is_err());
    }
}
