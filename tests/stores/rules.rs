//! What can't be: each mistake is named at its line, and all of them at once.

use crate::support::Project;

/// A mistake: a text of a file, what stands in its place, and what is said of it.
struct Mistake {
    file: &'static str,
    from: &'static str,
    to: &'static str,
    code: &'static str,
    /// The line and column that are marked, as a text that they begin with.
    at: &'static str,
}

const fn mistake(
    file: &'static str,
    from: &'static str,
    to: &'static str,
    code: &'static str,
    at: &'static str,
) -> Mistake {
    Mistake { file, from, to, code, at }
}

const GAME: &str = "catalog/game.yaml";
const PLAYERS: &str = "catalog/players.yaml";
const COMMERCE: &str = "catalog/commerce.yaml";
const LOCAL: &str = "local.yaml";

const MISTAKES: &[Mistake] = &[
    mistake(
        GAME,
        "      - stream: GAME_STATE\n        filter: [evt.state.player.updated.v1]\n",
        "      - stream: GAME_STATE\n        filter: [evt.quest.generated.v1]\n",
        "filter-outside-stream",
        "evt.quest.generated.v1]",
    ),
    mistake(
        GAME,
        "      - stream: GAME_STATE\n",
        "      - stream: GAME_STATES\n",
        "unknown-stream",
        "GAME_STATES",
    ),
    mistake(
        GAME,
        "      - stream: GAME_STATE\n        filter: [evt.state.player.updated.v1]\n",
        "      - stream: PLAYERS_CHAT\n",
        "stream-elsewhere",
        "PLAYERS_CHAT",
    ),
    mistake(
        COMMERCE,
        "        account: PLAYERS\n",
        "        account: GAME\n",
        "stream-elsewhere",
        "GAME\n",
    ),
    mistake(
        COMMERCE,
        "      - stream: PLAYERS_EVENTS\n        account: PLAYERS\n",
        "      - stream: PLAYERS_EVENTS\n",
        "stream-elsewhere",
        "PLAYERS_EVENTS",
    ),
    mistake(
        COMMERCE,
        "        filter: [evt.identity.account.registered.v1]\n",
        "        filter: [evt.identity.account.registered.v1, evt.identity.account.>]\n",
        "unshared",
        "evt.identity.account.>]",
    ),
    mistake(
        COMMERCE,
        "        filter: [evt.identity.account.registered.v1]\n",
        "        deliver: new\n",
        "unshared",
        "",
    ),
    mistake(
        COMMERCE,
        "        filter: [evt.identity.account.registered.v1]\n",
        "        filter: [evt.match.formed.v1]\n",
        "unshared",
        "evt.match.formed.v1]",
    ),
    mistake(
        COMMERCE,
        "      - stream: PLAYERS_EVENTS\n        account: PLAYERS\n        filter: [evt.identity.account.registered.v1]\n",
        "      - stream: PLAYERS_AUDIT\n        account: AUDIT\n        filter: [audit.session.opened.v1]\n",
        "unshared",
        "audit.session.opened.v1]",
    ),
    mistake(
        COMMERCE,
        "        filter: [evt.identity.account.registered.v1]\n",
        "        consumer: profile\n        filter: [evt.identity.account.registered.v1]\n",
        "duplicate-consumer",
        "",
    ),
    mistake(
        PLAYERS,
        "        consumers: 200\n",
        "        consumers: 3\n",
        "account-consumers",
        "3\n",
    ),
    mistake(
        LOCAL,
        "    max_memory: 256 MiB\n",
        "    max_memory: 256 MiB\n    domain: PLAYERS\n",
        "prefix-taken",
        "",
    ),
    mistake(
        COMMERCE,
        "        filter: [evt.payment.provider.notified.v1]\n",
        "        consumer: store\n        filter: [evt.payment.provider.notified.v1]\n",
        "duplicate-consumer",
        "",
    ),
    mistake(
        GAME,
        "        filter: [evt.state.player.updated.v1]\n",
        "        filter: [evt.state.player.>, evt.state.player.updated.v1]\n",
        "overlapping-filters",
        "evt.state.player.updated.v1]",
    ),
    mistake(
        GAME,
        "      - stream: GAME_ASSET_JOBS\n        ack_wait: 2m\n        max_deliver: 3\n        max_ack_pending: 64\n",
        "      - stream: GAME_ASSET_JOBS\n        ack: none\n",
        "work-queue-consumer",
        "none",
    ),
    mistake(
        GAME,
        "      - stream: GAME_ASSET_JOBS\n",
        "      - {stream: GAME_ASSET_JOBS, consumer: second}\n      - stream: GAME_ASSET_JOBS\n",
        "work-queue-overlap",
        "",
    ),
    mistake(
        GAME,
        "        ack_wait: 2m\n",
        "        ack_wait: 2m\n        replicas: 1\n",
        "consumer-replicas",
        "1\n",
    ),
    mistake(
        GAME,
        "        max_deliver: 5\n        backoff: [1s, 10s, 1m]\n",
        "        max_deliver: 3\n        backoff: [1s, 10s, 1m]\n",
        "backoff-too-long",
        "3\n",
    ),
    mistake(
        GAME,
        "        max_deliver: 5\n        backoff: [1s, 10s, 1m]\n",
        "        ack_wait: 5s\n        backoff: [1s, 10s, 1m]\n",
        "backoff-beside-wait",
        "5s",
    ),
    mistake(
        GAME,
        "        max_deliver: 5\n        backoff: [1s, 10s, 1m]\n",
        "        max_deliver: 5\n        ack: none\n",
        "needless-redelivery",
        "5\n",
    ),
    mistake(GAME, "        consumers: 400\n", "        consumers: 4\n", "account-consumers", "4\n"),
    mistake(PLAYERS, "  MUTED_PLAYERS:\n", "  MUTED.PLAYERS:\n", "malformed", "MUTED.PLAYERS"),
    mistake(
        PLAYERS,
        "reads: [PLAYER_SESSIONS]",
        "reads: [PLAYER_SESSION]",
        "unknown-bucket",
        "PLAYER_SESSION]",
    ),
    mistake(
        PLAYERS,
        "reads: [PLAYER_SESSIONS]",
        "reads: [WORLD_REGIONS]",
        "bucket-elsewhere",
        "WORLD_REGIONS]",
    ),
    mistake(
        PLAYERS,
        "reads: [PLAYER_SESSIONS]",
        "reads: [PLAYER_SESSIONS, PLAYER_SESSIONS]",
        "duplicate-bucket",
        "PLAYER_SESSIONS]",
    ),
    mistake(PLAYERS, "    history: 10\n", "    replicas: 5\n", "replicas-beyond-zones", "5\n"),
    mistake(PLAYERS, "    history: 10\n", "    replicas: 2\n", "even-replicas", "2\n"),
    mistake(PLAYERS, "    history: 10\n", "    history: 65\n", "out-of-range", "65"),
    mistake(
        PLAYERS,
        "    max_bytes: 1 GB\n",
        "    max_bytes: 100 GB\n",
        "account-storage",
        "80 GB",
    ),
    mistake(
        PLAYERS,
        "    max_value_size: 1 KiB\n",
        "    max_value_size: 2 MiB\n",
        "payload-too-large",
        "2 MiB",
    ),
    mistake(
        PLAYERS,
        "    max_bytes: 1 GB\n",
        "    max_bytes: 1 GB\n    placement: [fast]\n",
        "unknown-tag",
        "fast]",
    ),
    mistake(GAME, "  GAME_AI:\n", "  KV_AI:\n", "reserved-name", "KV_AI"),
    mistake(GAME, "    max_age: 2d\n", "    max_age: 50ms\n", "below-minimum", "50ms"),
    mistake(GAME, "    ttl: 30s\n", "    ttl: 10ms\n", "below-minimum", "10ms"),
    mistake(GAME, "        ack_wait: 2m\n", "        ack_wait: 0s\n", "below-minimum", "0s"),
    mistake(GAME, "        ack_wait: 2m\n", "        backoff: [0s]\n", "below-minimum", "0s]"),
    mistake(GAME, "    max_bytes: 80 GB\n", "    max_bytes: 0 B\n", "below-minimum", "0 B"),
    mistake(
        COMMERCE,
        "    limits: {payload: 64 KiB}\n",
        "    limits: {payload: 256 KiB}\n",
        "beyond-account",
        "256 KiB",
    ),
    mistake(
        GAME,
        "    max_bytes: 80 GB\n",
        "    max_bytes: 80 GB\n    discard_per_subject: true\n",
        "discard-per-subject",
        "true",
    ),
    mistake(
        COMMERCE,
        "    limits: {payload: 64 KiB}\n",
        "    networks: [10.0.0.0/33]\n",
        "malformed",
        "10.0.0.0/33",
    ),
    mistake(
        COMMERCE,
        "    limits: {payload: 64 KiB}\n",
        "    connections: []\n",
        "no-connections",
        "",
    ),
];

#[test]
fn each_mistake_is_named_at_its_line() {
    for Mistake { file, from, to, code, at } in MISTAKES {
        let project = Project::new();
        project.edit(file, from, to);
        let said = project.run(&["validate", "local"]).expect(3).stderr;
        assert!(said.contains(&format!("error[{code}]")), "{to}: no {code}:\n{said}");
        let path = project.path().join("environments").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let begin = text.find(to).unwrap();
        let marked = if at.is_empty() { begin } else { begin + to.find(at).unwrap_or_default() };
        let line =
            text[..marked].lines().count().max(1) + usize::from(text[..marked].ends_with('\n'));
        // A limit of the account stands elsewhere than what breaks it.
        if to.contains(at) && !at.is_empty() {
            assert!(
                said.contains(&format!("{file}:{line}:")),
                "{code} is not at line {line}:\n{said}"
            );
        }
    }
}

#[test]
fn all_mistakes_of_a_catalog_are_named_at_once() {
    let project = Project::new();
    project.edit(GAME, "      - stream: GAME_STATE\n", "      - stream: GAME_STATES\n");
    project.edit(PLAYERS, "reads: [PLAYER_SESSIONS]", "reads: [PLAYER_SESSION]");
    project.edit(COMMERCE, "[evt.payment.provider.notified.v1]", "[evt.quest.generated.v1]");
    let said = project.run(&["validate", "local"]).expect(3).stderr;
    for code in ["unknown-stream", "unknown-bucket", "filter-outside-stream"] {
        assert!(said.contains(code), "{code}:\n{said}");
    }
    assert!(said.contains("did you mean `GAME_STATE`?"), "{said}");
}

#[test]
fn what_is_placed_by_tags_needs_tagged_nodes_in_enough_zones() {
    let project = Project::new();
    project.edit(PLAYERS, "    max_bytes: 1 GB\n", "    max_bytes: 1 GB\n    placement: [fast]\n");
    for node in ["nats-1", "nats-2", "nats-3"] {
        let zone = match node {
            "nats-1" => "zone-a",
            "nats-2" => "zone-b",
            _ => "zone-c",
        };
        let plain = format!("{{name: {node}, zone: {zone}}}");
        project.edit("local.yaml", &plain, &plain.replace('}', ", tags: [fast]}"));
        let code = if node == "nats-3" { 0 } else { 3 };
        let said = project.run(&["validate", "local"]).expect(code).stderr;
        assert!(code == 0 || said.contains("zones with nodes tagged fast"), "{said}");
    }
    let rendered = project.run(&["render", "local", "--out", "out", "--stand-in-keys"]);
    rendered.expect(0);
    let conf = project.path().join("out/nodes/nats-1/nats.conf");
    let conf = std::fs::read_to_string(conf).unwrap();
    assert!(conf.contains(r#"server_tags: ["az:zone-a", "fast"]"#), "{conf}");
}
