//! What holds for every picture: nothing lies over anything else, and every line can be followed.

use proptest::prelude::*;

use super::*;
use crate::contract::tests::{cluster, service, stream};
use crate::contract::{grants, holders};
use crate::model::*;

/// A part of a grant: which service, which subject, which verb, in a queue group or in none.
type Pick = (usize, usize, usize, bool);

const ACCOUNTS: [&str; 3] = ["GAME", "PLAYERS", "A_RATHER_LONG_NAME_OF_AN_ACCOUNT"];

fn subject(number: usize, verb: usize) -> Subject {
    let text = match verb {
        0 | 1 => format!("svc.domain{}.v1.do{number}", number % 3),
        _ if number % 4 == 3 => format!("audit.domain{}.kept{number}.v1", number % 3),
        _ => format!("evt.domain{}.happened-{}.v1.*", number % 3, "x".repeat(number)),
    };
    text.parse().unwrap()
}

fn picked(services: usize, picks: &[Pick]) -> Cluster {
    let mut all: Vec<Service> = (0..services)
        .map(|number| service(&format!("service-{}", "n".repeat(1 + number)), ACCOUNTS[number % 3]))
        .collect();
    for (who, number, verb, grouped) in picks {
        let owner = &mut all[who % services];
        let subject = subject(*number, *verb);
        let queue: QueueName = format!("q.domain{}", number % 3).parse().unwrap();
        match verb {
            0 => owner.serves.push((subject, queue)),
            1 => owner.calls.push(subject),
            2 => owner.publishes.push(subject),
            _ => owner.subscribes.push((subject, grouped.then_some(queue))),
        }
    }
    let streams = vec![
        stream("EVENTS", "GAME", &["evt.domain0.>", "evt.domain1.>"]),
        stream("AUDIT", "GAME", &["audit.>"]),
        stream("EVENTS_OF_PLAYERS", "PLAYERS", &["evt.>"]),
    ];
    let mut cluster = cluster(all, streams);
    if let [first, second, ..] = picks {
        let edge = edge(&[*first, *second]);
        cluster.leafnodes.insert(edge.name.clone(), edge);
    }
    for name in ACCOUNTS.map(|name| name.parse::<AccountName>().unwrap()) {
        let description =
            "A sentence that is longer than some of the panels are wide, so that it is cut.";
        let account =
            Account { description: description.to_owned(), ..samples::account(name.as_str()) };
        cluster.accounts.insert(name, account);
    }
    cluster
}

/// A leafnode that does what these say, where leafnodes may.
fn edge(picks: &[Pick]) -> Leafnode {
    let mut edge = Leafnode {
        name: "an-edge-with-the-longest-name-of".parse().unwrap(),
        account: ACCOUNTS[2].parse().unwrap(),
        description: "Clients of another region.".to_owned(),
        calls: vec![],
        publishes: vec![],
        subscribes: vec![],
    };
    for (_, number, verb, _) in picks {
        let subject = subject(*number, *verb);
        match verb {
            0 | 1 => edge.calls.push(subject),
            2 => edge.publishes.push(subject),
            _ => edge.subscribes.push(subject),
        }
    }
    edge
}

fn placed(mut cluster: Cluster, zones: &[usize], aws: bool, redis: Option<(u8, u8)>) -> Cluster {
    for (number, zone) in zones.iter().enumerate() {
        cluster.nodes.push(Node {
            name: format!("nats-{number}").parse().unwrap(),
            zone: format!("zone-{zone}").parse().unwrap(),
            tags: vec![],
            address: [10, 0, 0, 1].into(),
        });
    }
    if aws {
        cluster.placement = Placement::Aws(Box::new(AwsSettings {
            vpc: "a-network-with-a-name-that-is-longer-than-most".to_owned(),
            ..samples::aws_settings()
        }));
    }
    cluster.redis = redis.map(|(shards, replicas_per_shard)| Redis {
        shards,
        replicas_per_shard,
        max_memory: ByteSize::new(64 << 20),
        nodes: vec![],
        node_type: None,
        endpoint: None,
    });
    cluster
}

fn leaves(drawing: &Drawing) -> Vec<Rect> {
    let leaves = drawing.shapes.iter().filter(|shape| shape.role == Role::Leaf);
    leaves.map(|shape| shape.rect).collect()
}

/// Boxes are apart or one inside the other, and what holds text holds no box.
fn boxes_keep_apart(drawing: &Drawing) -> Result<(), TestCaseError> {
    for (number, one) in drawing.shapes.iter().enumerate() {
        for other in &drawing.shapes[number + 1..] {
            let apart = !one.rect.meets(other.rect);
            let inside = one.role == Role::Frame && one.rect.holds(other.rect);
            prop_assert!(apart || inside, "{one:?}\n{other:?}");
        }
    }
    Ok(())
}

/// Texts do not touch each other, and stay inside the box that they begin in.
fn texts_keep_apart(drawing: &Drawing) -> Result<(), TestCaseError> {
    let boxes = leaves(drawing);
    let whole = Rect { x: 0, y: 0, w: drawing.width, h: drawing.height };
    for (number, text) in drawing.texts.iter().enumerate() {
        let rect = text.rect();
        prop_assert!(whole.holds(rect), "{text:?} leaves the picture");
        for other in &drawing.texts[number + 1..] {
            prop_assert!(!rect.meets(other.rect()), "{text:?}\n{other:?}");
        }
        for place in &boxes {
            prop_assert!(
                place.holds(rect) || !place.meets(rect),
                "{text:?} over the edge of {place:?}"
            );
        }
    }
    Ok(())
}

/// Lines run straight, through no box and no text, and never along one of another service.
fn lines_can_be_followed(drawing: &Drawing) -> Result<(), TestCaseError> {
    let boxes = leaves(drawing);
    let mut seen: Vec<(Rect, &str)> = Vec::new();
    for line in &drawing.lines {
        for pair in line.points.windows(2) {
            let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
            prop_assert!(ax == bx || ay == by, "{line:?} is not straight");
            // One pixel of width, half of it on each side.
            let rect =
                Rect { x: ax.min(bx), y: ay.min(by), w: (ax - bx).abs(), h: (ay - by).abs() };
            let through = |place: &Rect| {
                place.x < rect.right().max(rect.x + 1)
                    && rect.x < place.right()
                    && place.y < rect.bottom().max(rect.y + 1)
                    && rect.y < place.bottom()
                    && !(rect.w == 0 && (rect.x == place.x || rect.x == place.right()))
                    && !(rect.h == 0 && (rect.y == place.y || rect.y == place.bottom()))
            };
            let inside = boxes.iter().find(|place| through(place));
            prop_assert!(inside.is_none(), "{line:?} runs through {inside:?}");
            let text = drawing.texts.iter().find(|text| through(&text.rect()));
            prop_assert!(text.is_none(), "{line:?} runs through {text:?}");
            for (other, colour) in &seen {
                let along = (rect.h == 0
                    && other.h == 0
                    && rect.y == other.y
                    && rect.x < other.right()
                    && other.x < rect.right())
                    || (rect.w == 0
                        && other.w == 0
                        && rect.x == other.x
                        && rect.y < other.bottom()
                        && other.y < rect.bottom());
                prop_assert!(
                    !along || *colour == line.colour,
                    "{line:?} runs along another at {other:?}"
                );
            }
            seen.push((rect, line.colour));
        }
    }
    Ok(())
}

fn is_readable(drawing: &Drawing) -> Result<(), TestCaseError> {
    boxes_keep_apart(drawing)?;
    texts_keep_apart(drawing)?;
    lines_can_be_followed(drawing)
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    prop::collection::vec((0..30_usize, 0..12_usize, 0..4_usize, any::<bool>()), 0..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_contract_is_readable(services in 1..24_usize, picks in picks()) {
        is_readable(&draw(&picked(services, &picks), View::Contract))?;
    }

    #[test]
    fn every_topology_is_readable(
        zones in prop::collection::vec(0..4_usize, 1..9),
        aws in any::<bool>(),
        redis in prop::option::of((1..5_u8, 0..4_u8)),
        picks in picks(),
    ) {
        is_readable(&draw(&placed(picked(4, &picks), &zones, aws, redis), View::Topology))?;
    }

    #[test]
    fn every_grant_is_an_edge_and_every_service_is_shown(services in 1..12_usize, picks in picks()) {
        let cluster = picked(services, &picks);
        let drawing = draw(&cluster, View::Contract);
        let all = holders(&cluster).flat_map(grants).count();
        let text = mermaid(&cluster, View::Contract);
        let held = |line: &&str| line.contains("service") || line.contains("leafnode");
        let edges = text.lines().filter(|line| line.contains("->")).filter(held).count();
        prop_assert_eq!(edges, all);
        let shown = |name: &str| drawing.texts.iter().any(|text| text.text == name);
        for holder in holders(&cluster) {
            prop_assert!(shown(&holder.to_string()), "{holder}");
        }
    }
}
