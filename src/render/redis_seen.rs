//! The users that a server lists (`ACL LIST`), read back into the words of those that we wrote.

use std::collections::{BTreeMap, BTreeSet};

use super::redis_users::{Commands, PATTERN_USER, RedisUser};

/// How much of a digest tells one from another.
const SHORT: usize = 12;

/// The users of a server, each with what it may do, in words that a plan can compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenUsers {
    /// The mark of the file that they came from.
    pub mark: Option<String>,
    /// What each may do, by name.
    pub users: BTreeMap<String, String>,
}

/// One listed user.
struct Line<'a> {
    name: &'a str,
    on: bool,
    words: Vec<String>,
    commands: String,
}

impl SeenUsers {
    /// Reads a list. Users who can't sign in are none.
    pub fn read(list: &[String]) -> Self {
        let lines: Vec<Line<'_>> = list.iter().filter_map(|line| read(line)).collect();
        let pattern = lines.iter().find(|line| !line.on && line.name.starts_with(PATTERN_USER));
        let service = pattern.map(|line| line.commands.as_str());
        let users = lines.iter().filter(|line| line.on).map(|line| {
            let mut words = line.words.clone();
            words.push(commands(&line.commands, service));
            (line.name.to_owned(), words.join(", "))
        });
        Self {
            mark: pattern.map(|line| line.name[PATTERN_USER.len()..].to_owned()),
            users: users.collect(),
        }
    }
}

/// What a user that we write may do, in the same words.
pub fn grants(user: &RedisUser) -> String {
    let passwords = user.passwords.iter().map(|password| format!("#{}", short(password)));
    let channels = (user.commands == Commands::All).then(|| "&*".to_owned());
    let words = passwords.chain(user.keys.iter().cloned()).chain(channels);
    words.chain([user.commands.word().to_owned()]).collect::<Vec<_>>().join(", ")
}

fn short(digest: &str) -> &str {
    digest.get(..SHORT).unwrap_or(digest)
}

/// `user NAME on|off [FLAG…] [#PASSWORD…] [~KEYS…] [&CHANNELS…] [resetchannels] RULE…`
fn read(line: &str) -> Option<Line<'_>> {
    let mut words = line.split_whitespace().skip(1);
    let name = words.next()?;
    let rest: Vec<&str> = words.collect();
    let is_rule = |word: &str| word.starts_with(['+', '-']);
    let granted = rest.iter().filter_map(|word| match word.chars().next()? {
        '#' => Some(format!("#{}", short(&word[1..]))),
        '~' | '&' | '%' | '(' => Some((*word).to_owned()),
        _ => (*word == "nopass").then(|| "no password".to_owned()),
    });
    Some(Line {
        name,
        on: rest.contains(&"on"),
        words: granted.collect(),
        commands: rest.iter().filter(|word| is_rule(word)).copied().collect::<Vec<_>>().join(" "),
    })
}

fn commands(rules: &str, service: Option<&str>) -> String {
    let set = |rules: &str| rules.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    let known = [Commands::All, Commands::Replication];
    let known = known.into_iter().find(|commands| set(&commands.rules()) == set(rules));
    match known.or((Some(rules) == service).then_some(Commands::Service)) {
        Some(commands) => commands.word().to_owned(),
        None => rules.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lines: &[&str]) -> SeenUsers {
        SeenUsers::read(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    const PATTERN: &str = "user natsops-services-ab12 off resetchannels -@all +@string -lcs";

    #[test]
    fn what_was_written_is_recognised_whatever_the_server_calls_it() {
        let own = RedisUser::own("0123456789abcdef".to_owned());
        let replication = RedisUser::replication("00".repeat(32));
        let seen = seen(&[
            "user default off resetchannels -@all",
            "user natsops on sanitize-payload #0123456789abcdef ~* &* +@all",
            &format!(
                "user natsops-replication on #{} resetchannels -@all +psync +replconf +ping",
                "00".repeat(32)
            ),
            "user store on #ffffffffffffffff ~store:* resetchannels -@all +@string -lcs",
            PATTERN,
        ]);
        assert_eq!(seen.mark.as_deref(), Some("ab12"));
        assert_eq!(seen.users["natsops"], grants(&own));
        assert_eq!(seen.users["natsops-replication"], grants(&replication));
        assert_eq!(seen.users["store"], "#ffffffffffff, ~store:*, the commands of a service");
        assert_eq!(seen.users.len(), 3);
    }

    #[test]
    fn what_somebody_changed_by_hand_shows() {
        let seen = seen(&[
            "user default on nopass ~* &* +@all",
            "user store on #ffff ~* resetchannels -@all +@string +flushall",
            PATTERN,
        ]);
        assert_eq!(seen.users["default"], "no password, ~*, &*, every command");
        assert_eq!(seen.users["store"], "#ffff, ~*, -@all +@string +flushall");
    }
}
