//! Problems of nodes, told once for all nodes that share one.

use crate::nats::ProbeError;

/// `nats-1, nats-2: it does not answer; nats-5: lets it in`, in the order in which the problems first come.
pub fn grouped<'a>(problems: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (node, problem) in problems {
        match groups.iter_mut().find(|(known, _)| *known == problem) {
            Some((_, nodes)) => nodes.push(node),
            None => groups.push((problem, vec![node])),
        }
    }
    let told = groups.iter().map(|(problem, nodes)| format!("{}: {problem}", nodes.join(", ")));
    told.collect::<Vec<_>>().join("; ")
}

/// Why a door could not be tried, without the address, which the node's name tells.
pub fn untried(error: &ProbeError) -> String {
    match error {
        ProbeError::Silent(_, reason) => format!("can't be tried, since nobody answers: {reason}"),
        other => format!("can't be tried: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_with_the_same_problem_are_told_together() {
        let problems = [("a", "silent"), ("b", "open"), ("c", "silent")];
        let told = grouped(problems.map(|(node, problem)| (node, problem.to_owned())));
        assert_eq!(told, "a, c: silent; b: open");
        assert_eq!(grouped([]), "");
    }
}
