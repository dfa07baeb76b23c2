//! What servers are told.

use redis::{ErrorKind, ServerErrorKind};

use super::{Connection, RedisFailure, Session, Step};
use crate::model::{Redis, RedisNode};
use crate::secrets::Secret;

/// Takes a step.
pub async fn perform(session: &Session, step: &Step<'_>) -> Result<(), RedisFailure> {
    let mut connection = session.link(step.node()).await?;
    let mut command = redis::cmd("CLUSTER");
    match step {
        Step::Epoch(_, epoch) => command.arg("SET-CONFIG-EPOCH").arg(*epoch),
        Step::Meet(_, other) => {
            command.arg("MEET").arg(other.address.to_string()).arg(Redis::PORT).arg(Redis::BUS_PORT)
        }
        Step::Serve(_, ranges) => {
            command.arg("ADDSLOTSRANGE");
            for (first, last) in ranges {
                command.arg(*first).arg(*last);
            }
            &mut command
        }
        Step::Follow(_, primary) => command.arg("REPLICATE").arg(primary),
        Step::TakeOver(_) => command.arg("FAILOVER").arg("TAKEOVER"),
        Step::Forget(_, id) => command.arg("FORGET").arg(id),
    };
    let outcome = command.exec_async(&mut connection).await;
    match (step, outcome) {
        // Somebody has met it in the meantime; the servers settle their epochs by themselves then.
        (Step::Epoch(..), _) => Ok(()),
        (_, outcome) => Ok(outcome?),
    }
}

/// A replica takes the place of its primary, which hands over without losing a write.
pub async fn give_way(session: &Session, replica: &RedisNode) -> Result<(), RedisFailure> {
    let mut connection = session.link(replica).await?;
    Ok(redis::cmd("CLUSTER").arg("FAILOVER").exec_async(&mut connection).await?)
}

/// Gives a server the users of a file, and takes away all others.
///
/// Reading the file again (`ACL LOAD`) would close every connection, also those of users that stay as they are.
pub async fn put_users(
    session: &Session,
    node: &RedisNode,
    file: &str,
) -> Result<(), RedisFailure> {
    let mut connection = session.link(node).await?;
    let lines: Vec<Vec<&str>> =
        file.lines().map(|line| line.split_whitespace().skip(1).collect()).collect();
    let users = lines.iter().filter_map(|words| Some((*words.first()?, words.get(1..)?)));
    for (user, rules) in users.clone() {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(user).arg("reset").arg(rules);
        command.exec_async(&mut connection).await?;
    }
    let there: Vec<String> = redis::cmd("ACL").arg("USERS").query_async(&mut connection).await?;
    for stranger in there.iter().filter(|name| !users.clone().any(|(user, _)| user == *name)) {
        redis::cmd("ACL").arg("DELUSER").arg(stranger).exec_async(&mut connection).await?;
    }
    Ok(())
}

/// Has a server take other files for its TLS. All at once: a certificate without its key would be refused.
///
/// What stands there already is not read again, and no connection is closed (measured on 7.0.15).
pub async fn put_files(
    session: &Session,
    node: &RedisNode,
    files: &[(&str, &str)],
) -> Result<(), RedisFailure> {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg(files);
    Ok(command.exec_async(&mut session.link(node).await?).await?)
}

/// Has a server sign in to its primary with another password, from the next time on.
pub async fn put_replication(
    session: &Session,
    node: &RedisNode,
    password: &Secret<String>,
) -> Result<(), RedisFailure> {
    let mut command = redis::cmd("CONFIG");
    command.arg("SET").arg("masterauth").arg(password.expose());
    Ok(command.exec_async(&mut session.link(node).await?).await?)
}

/// How long each connection of a user has been there, in seconds.
pub async fn ages(
    session: &Session,
    node: &RedisNode,
    user: &str,
) -> Result<Vec<i64>, RedisFailure> {
    let mut command = redis::cmd("CLIENT");
    let list: String = command.arg("LIST").query_async(&mut session.link(node).await?).await?;
    Ok(ages_in(&list, user))
}

/// `id=3 addr=… age=17 … user=wallet …`
fn ages_in(list: &str, user: &str) -> Vec<i64> {
    let word = |line: &str, key: &str| {
        let mut words = line.split_whitespace();
        words.find_map(|word| Some(word.strip_prefix(key)?.to_owned()))
    };
    let own = list.lines().filter(|line| word(line, "user=").as_deref() == Some(user));
    own.filter_map(|line| word(line, "age=")?.parse().ok()).collect()
}

/// Closes every connection of a user.
pub async fn evict(session: &Session, node: &RedisNode, user: &str) -> Result<(), RedisFailure> {
    let mut command = redis::cmd("CLIENT");
    command.arg("KILL").arg("USER").arg(user);
    Ok(command.exec_async(&mut session.link(node).await?).await?)
}

/// What became of a command that was only tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The server did it.
    Done,
    /// The server would have, if it had the key.
    Elsewhere,
    /// Its user may not do that.
    Forbidden,
    /// Something else.
    Failed(String),
}

/// Tries a command, given in words.
pub async fn try_command(connection: &mut Connection, words: &str) -> Answer {
    let mut command = redis::Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    match command.query_async::<redis::Value>(connection).await {
        Ok(_) => Answer::Done,
        Err(error) => match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => Answer::Elsewhere,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Answer::Forbidden,
            _ => Answer::Failed(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::ages_in;

    #[test]
    fn connections_are_told_apart_by_their_user() {
        let list = "id=3 addr=127.0.0.1:5 age=17 flags=N user=wallet resp=2\n\
                    id=4 addr=127.0.0.1:6 age=2 user=wallet-2\nid=5 user=wallet\n\n";
        assert_eq!(ages_in(list, "wallet"), [17]);
        assert!(ages_in("", "wallet").is_empty());
    }
}
