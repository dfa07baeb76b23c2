//! Names as types, so that an account can't be passed where a stream is meant.

use super::{Malformed, text_form};

/// How the characters of a name are chosen.
struct Alphabet {
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
    words: &'static str,
}

/// Environments, nodes, zones, services: what also becomes a host name or a folder.
const LOWER: Alphabet = Alphabet {
    first: |c| c.is_ascii_lowercase(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    words: "lower-case letters, digits and hyphens, starting with a letter",
};

/// Accounts, streams and buckets, as NATS users write them.
const UPPER: Alphabet = Alphabet {
    first: |c| c.is_ascii_uppercase(),
    rest: |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_',
    words: "upper-case letters, digits and underscores, starting with a letter",
};

/// Queue groups: dot-separated, since they read like subjects.
const QUEUE: Alphabet = Alphabet {
    first: |c| c.is_ascii_lowercase(),
    rest: |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.',
    words: "lower-case letters, digits, hyphens and dots, starting with a letter",
};

fn check(
    text: &str,
    kind: &str,
    alphabet: &Alphabet,
    longest: usize,
    example: &str,
) -> Result<(), Malformed> {
    let form = || format!("use {}, for example `{example}`", alphabet.words);
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return Err(Malformed::new(format!("{kind} is empty")).with_help(form()));
    };
    if let Some(bad) = std::iter::once(first)
        .filter(|&c| !(alphabet.first)(c))
        .chain(characters.filter(|&c| !(alphabet.rest)(c)))
        .next()
    {
        let place = if bad == first && !(alphabet.first)(first) {
            "cannot start with"
        } else {
            "cannot contain"
        };
        return Err(
            Malformed::new(format!("`{text}` is not {kind}: it {place} `{bad}`")).with_help(form())
        );
    }
    if text.len() > longest {
        return Err(Malformed::new(format!(
            "`{text}` is too long for {kind}: {} characters, at most {longest}",
            text.len()
        )));
    }
    if text.ends_with(['-', '.', '_']) || text.contains("..") {
        return Err(Malformed::new(format!("`{text}` is not {kind}: a separator stands alone"))
            .with_help(form()));
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $alphabet:expr, $longest:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The kind of name, for messages.
            pub const KIND: &str = $kind;
            /// A name that is right.
            pub const EXAMPLE: &str = $example;

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                check(text, $kind, &$alphabet, $longest, $example)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        text_form!($type);
    };
}

name!(
    /// An environment: a file of desired state. At most 16 characters, because AWS names are built from it.
    EnvironmentName, "an environment name", LOWER, 16, "prod"
);
name!(
    /// A NATS cluster name.
    ClusterName, "a cluster name", LOWER, 32, "game-prod"
);
name!(
    /// A node: one nats-server with a fixed identity.
    NodeName, "a node name", LOWER, 16, "nats-1"
);
name!(
    /// A zone: what fails together.
    ZoneName, "a zone name", LOWER, 32, "us-east-1a"
);
name!(
    /// A service of the catalog.
    ServiceName, "a service name", LOWER, 32, "quest-generator"
);
name!(
    /// A leafnode: a server at the edge that is let into one account.
    LeafnodeName, "a leafnode name", LOWER, 32, "edge-eu"
);
name!(
    /// A NATS account of the catalog.
    AccountName, "an account name", UPPER, 32, "GAME"
);
name!(
    /// A JetStream stream.
    StreamName, "a stream name", UPPER, 32, "GAME_EVENTS"
);
name!(
    /// A queue group.
    QueueName, "a queue group", QUEUE, 64, "q.ai.llm.infer"
);
name!(
    /// A durable consumer of a stream.
    ConsumerName, "a consumer name", LOWER, 32, "quest-generator"
);
name!(
    /// A key-value bucket.
    BucketName, "a bucket name", UPPER, 32, "PLAYER_SESSIONS"
);
name!(
    /// A tag of nodes, by which streams are placed.
    TagName, "a tag", LOWER, 32, "fast-disk"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_names_in_use() {
        assert!("prod".parse::<EnvironmentName>().is_ok());
        assert!("us-east-1a".parse::<ZoneName>().is_ok());
        assert!("GAME_EVENTS".parse::<StreamName>().is_ok());
        assert!("q.ai.llm.infer".parse::<QueueName>().is_ok());
    }

    #[test]
    fn refuses_what_could_leave_its_folder_or_its_subject() {
        for bad in ["", "..", "a/b", "A", "a b", "a*", "é", "a-", "-a"] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn says_which_character_is_wrong_and_what_is_right() {
        let error = "Llm".parse::<ServiceName>().unwrap_err();
        assert!(error.problem.contains("cannot start with `L`"));
        assert!(error.help.unwrap().contains("quest-generator"));
    }

    #[test]
    fn an_environment_name_fits_into_aws_names() {
        assert!("a234567890123456".parse::<EnvironmentName>().is_ok());
        assert!("a2345678901234567".parse::<EnvironmentName>().is_err());
    }
}
