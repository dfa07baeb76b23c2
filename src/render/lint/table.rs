//! What there is to say about each lint of a server configuration.

use crate::model::Lint;

/// Every lint of a configuration: first those on which the server exits, then those on which it runs and does something else.
pub const CONFIG_LINTS: [Lint; 18] = [
    Lint {
        id: "grace-beyond-lame-duck",
        about: "the lame duck's grace is as long as its duration",
        why: "The server reads the file, says nothing about it with -t, and exits when it starts.",
        remedy: "Make lame_duck_grace_period shorter than lame_duck_duration.",
    },
    Lint {
        id: "payload-beyond-pending",
        about: "`max_payload` is more than `max_pending`",
        why: "A message that fits must fit into what a client may leave unread. The server exits when it starts.",
        remedy: "Raise max_pending or lower max_payload.",
    },
    Lint {
        id: "operator-without-resolver",
        about: "an operator, and no resolver that holds its accounts",
        why: "With an operator, accounts come as tokens from a resolver. The server exits when it starts.",
        remedy: "Add a resolver.",
    },
    Lint {
        id: "operator-with-accounts",
        about: "accounts or users beside an operator",
        why: "A server has its accounts from one source: the file, or tokens. It exits when it starts.",
        remedy: "Take one of them out.",
    },
    Lint {
        id: "port-shared",
        about: "two listeners have one port",
        why: "The second one can't listen, and the server exits when it starts.",
        remedy: "Give each listener a port of its own.",
    },
    Lint {
        id: "server-without-name",
        about: "clustered JetStream without `server_name`",
        why: "\
A server's name is its identity in every replicated group; a made-up one would be another peer after each start. \
The server exits when it starts.",
        remedy: "Name it, and never change the name.",
    },
    Lint {
        id: "cluster-without-name",
        about: "clustered JetStream without `cluster.name`",
        why: "Placement is by cluster name. The server exits when it starts.",
        remedy: "Give all servers of the cluster the same name for it.",
    },
    Lint {
        id: "store-unwritable",
        about: "the server can't write where JetStream is told to store",
        why: "The file is valid, so -t has nothing to say; the server exits when it starts.",
        remedy: "Make the folder, and let the server's user write to it.",
    },
    Lint {
        id: "certificate-expired",
        about: "a certificate or an authority has ended",
        why: "\
The server loads it and starts. Then every client, route or leafnode that verifies it refuses it, one by one, \
as they reconnect.",
        remedy: "Issue it anew, and reload the server.",
    },
    Lint {
        id: "certificate-usage",
        about: "a certificate is not for what it is used for",
        why: "\
Routes and gateways use one certificate for both directions, so it needs serverAuth and clientAuth. With only one \
of them the server starts alone and never joins its cluster.",
        remedy: "Issue it for both usages; listeners need serverAuth, remotes clientAuth.",
    },
    Lint {
        id: "verify-without-authority",
        about: "certificates are verified, and no authority is named",
        why: "\
Without ca_file the authorities of the operating system count: whoever bought a certificate anywhere is let in, \
and those that your own authority issued are not.",
        remedy: "Name your authority in ca_file of the same block.",
    },
    Lint {
        id: "unique-tag-unmatched",
        about: "`unique_tag` has no tag in `server_tags` to compare",
        why: "\
The tag keeps the copies of a stream in different zones. A server without such a tag takes no copy of a replicated \
stream, and the cluster has one node less than it seems.",
        remedy: "Add the tag, such as `az:us-east-1a`.",
    },
    Lint {
        id: "repeated-setting",
        about: "a setting is given twice in one block",
        why: "The last one counts, without a word; a block that is given again replaces all of the first.",
        remedy: "Keep the one that is meant.",
    },
    Lint {
        id: "cipher-without-key",
        about: "a cipher is chosen for the store, and no key is given",
        why: "Without a key nothing is encrypted, though the file reads as if it were.",
        remedy: "Add the key, or take the cipher out where the volume itself is encrypted.",
    },
    Lint {
        id: "storage-beyond-disk",
        about: "JetStream may store more than the disk holds",
        why: "\
Streams are placed by what a server says that it can store. When the disk is really full, the server turns \
JetStream off, with every stream on it.",
        remedy: "Use at most 85 to 90 % of the disk.",
    },
    Lint {
        id: "store-in-tmp",
        about: "JetStream has no `store_dir`",
        why: "It stores under /tmp then, which many machines empty when they start.",
        remedy: "Name a folder on a disk of its own.",
    },
    Lint {
        id: "certificate-unreadable",
        about: "a certificate that the configuration names can't be read",
        why: "What can't be read can't be judged.",
        remedy: "Run the command where the files are, as somebody who may read them.",
    },
    Lint {
        id: "include-unread",
        about: "the configuration includes another file, which was not looked at",
        why: "The other file may contradict everything that was found here.",
        remedy: "Put its settings into this file, or look at it yourself.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_has_one_name_and_is_explained() {
        for (index, lint) in CONFIG_LINTS.iter().enumerate() {
            assert!(
                CONFIG_LINTS[..index].iter().all(|other| other.id != lint.id),
                "{} twice",
                lint.id
            );
            assert!(!lint.about.ends_with('.'), "{}", lint.id);
            assert!(lint.why.ends_with('.') && lint.remedy.ends_with('.'), "{}", lint.id);
        }
    }
}
