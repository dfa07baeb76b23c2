//! What servers are told.

use redis::{ErrorKind, ServerErrorKind};

use super::{Connection, RedisFailure, Session, Step};
use crate::model::{Redis, RedisNode};

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
