//! Where a cluster runs: clients above, the load balancer where there is one, nodes by zone, routes below, and the
//! cache beside them.

use super::drawing::{
    BAND, CODE, Drawing, Line, NAME, NOTE, PROSE, Rect, Role, Shape, Stroke, TITLE,
};
use crate::model::{Cluster, Node, Placement, Redis, ZoneName};

const MARGIN: i32 = 24;
const NODE_W: i32 = 250;
const NODE_H: i32 = 84;
const LANE: i32 = 26;
const ZONE_W: i32 = NODE_W + 2 * LANE + 12;
const GAP: i32 = 24;
const INK: &str = "#37474f";
const CLIENT: &str = "#0b5394";
const ROUTE: &str = "#7a3b00";
const CACHE: &str = "#6a1b4d";

/// Draws it.
pub fn draw(cluster: &Cluster) -> Drawing {
    let title = format!("Where {} runs", cluster.environment);
    let mut drawing = Drawing { title, ..Drawing::default() };
    let zones = zones(cluster);
    let inner = (ZONE_W + GAP) * count(zones.len()) - GAP;
    let width = inner.max(620);
    let left = MARGIN + 16;
    drawing.write(MARGIN, 40, TITLE.fit(&drawing.title, width), TITLE);
    drawing.write(MARGIN, 62, PROSE.fit(&summary(cluster), width + 32), PROSE);
    let h = if cluster.leafnodes.is_empty() { 58 } else { 78 };
    let clients = Rect { x: left, y: 84, w: width, h };
    show_clients(&mut drawing, cluster, clients);
    let (door, top) = show_balancer(&mut drawing, cluster, clients);
    let bus = top + 18;
    let tallest = zones.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
    let zone_h = 40 + (NODE_H + 14) * count(tallest);
    let zones_y = bus + 34;
    let routes = Rect { x: left, y: zones_y + zone_h + 34, w: width, h: 48 };
    let mut lanes = Vec::new();
    for (number, (zone, nodes)) in (0..).zip(&zones) {
        let rect = Rect { x: left + (ZONE_W + GAP) * number, y: zones_y, w: ZONE_W, h: zone_h };
        show_zone(&mut drawing, cluster, rect, zone, nodes);
        lanes.push(rect.x + LANE / 2 + 3);
        wire_zone(&mut drawing, rect, nodes.len(), bus, routes.y);
    }
    wire_bus(&mut drawing, door, bus, &lanes);
    show_routes(&mut drawing, cluster, routes);
    let mut right = left + width;
    if matches!(cluster.placement, Placement::Aws(_)) {
        region(&mut drawing, cluster, clients.bottom() + 14, right + 16, routes.bottom() + 14);
        right += 16;
    }
    if let Some(redis) = &cluster.redis {
        right = show_redis(&mut drawing, redis, right + GAP, zones_y, clients);
    }
    drawing.width = right + MARGIN;
    legend(&mut drawing, cluster, routes.bottom() + 52);
    drawing
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX / 10_000)
}

/// The zones in the order of the file, each with its nodes.
fn zones(cluster: &Cluster) -> Vec<(&ZoneName, Vec<&Node>)> {
    let mut zones: Vec<(&ZoneName, Vec<&Node>)> = Vec::new();
    for node in &cluster.nodes {
        match zones.iter_mut().find(|(zone, _)| *zone == &node.zone) {
            Some((_, nodes)) => nodes.push(node),
            None => zones.push((&node.zone, vec![node])),
        }
    }
    zones
}

fn summary(cluster: &Cluster) -> String {
    let place = match &cluster.placement {
        Placement::Local { .. } => "processes of one machine".to_owned(),
        Placement::Aws(aws) => format!("{} instances in {}", aws.instance_type, aws.region),
    };
    let zones = zones(cluster).len();
    let nodes = cluster.nodes.len();
    format!(
        "Cluster {}: {nodes} nodes in {zones} zones, nats-server {}, {place}",
        cluster.name, cluster.version
    )
}

fn leaf(rect: Rect, fill: &'static str, edge: &'static str) -> Shape {
    Shape { rect, role: Role::Leaf, fill, edge, weight: 2, round: 5, tip: None }
}

fn frame(rect: Rect, fill: &'static str, edge: &'static str) -> Shape {
    Shape { role: Role::Frame, weight: 1, round: 8, ..leaf(rect, fill, edge) }
}

fn show_clients(drawing: &mut Drawing, cluster: &Cluster, rect: Rect) {
    drawing.shapes.push(leaf(rect, "#ffffff", CLIENT));
    let title = format!(
        "{} services, each with a certificate and creds of its own",
        cluster.services.len()
    );
    drawing.write(rect.x + 12, rect.y + 22, NAME.fit(&title, rect.w - 24), NAME);
    let accounts: Vec<String> = cluster
        .accounts
        .keys()
        .map(|account| format!("{account} {}", cluster.services_of(account).count()))
        .collect();
    drawing.write(rect.x + 12, rect.y + 42, CODE.fit(&accounts.join("  "), rect.w - 24), CODE);
    if !cluster.leafnodes.is_empty() {
        let all = cluster.leafnodes.values();
        let all: Vec<String> = all.map(|l| format!("{} of {}", l.name, l.account)).collect();
        let words = format!("leafnodes on {}: {}", cluster.ports.leafnode, all.join(", "));
        drawing.write(rect.x + 12, rect.y + 62, CODE.fit(&words, rect.w - 24), CODE);
    }
}

/// The load balancer; gives the point below which clients' connections go on, and the lower end.
fn show_balancer(drawing: &mut Drawing, cluster: &Cluster, clients: Rect) -> ((i32, i32), i32) {
    let middle = clients.x + clients.w / 2;
    let Placement::Aws(aws) = &cluster.placement else {
        return ((middle, clients.bottom()), clients.bottom());
    };
    let kind = if aws.internal_load_balancer { "internal" } else { "reachable from outside" };
    let w = 400;
    let rect = Rect { x: middle - w / 2, y: clients.bottom() + 56, w, h: 48 };
    drawing.shapes.push(leaf(rect, "#ffffff", CLIENT));
    drawing.write(rect.x + 12, rect.y + 20, NAME.fit("network load balancer", w - 24), NAME);
    let mut ports = cluster.ports.client.to_string();
    if !cluster.leafnodes.is_empty() {
        ports = format!("{ports} and {}", cluster.ports.leafnode);
    }
    let words = format!("{kind}, TCP {ports} to every node");
    drawing.write(rect.x + 12, rect.y + 38, CODE.fit(&words, w - 24), CODE);
    let points = vec![(middle, clients.bottom()), (middle, rect.y)];
    drawing.lines.push(Line { points, colour: CLIENT, stroke: Stroke::Solid, arrow: true });
    ((middle, rect.bottom()), rect.bottom())
}

fn show_zone(
    drawing: &mut Drawing,
    cluster: &Cluster,
    rect: Rect,
    zone: &ZoneName,
    nodes: &[&Node],
) {
    drawing.shapes.push(frame(rect, "#eef2f6", "#7b8794"));
    let room = ZONE_W - 2 * LANE - 24;
    drawing.write(rect.x + LANE + 18, rect.y + 22, NAME.fit(zone.as_str(), room), NAME);
    for (number, node) in (0..).zip(nodes) {
        let place = node_rect(rect, number);
        drawing.shapes.push(leaf(place, "#ffffff", INK));
        let (x, room) = (place.x + 12, NODE_W - 24);
        drawing.write(x, place.y + 22, NAME.fit(node.name.as_str(), room), NAME);
        let (disk, storage) = disk(cluster);
        let address = format!("{}:{}", node.address, cluster.ports.client);
        for (line, words) in (0..).zip([address, storage, disk]) {
            drawing.write(x, place.y + 40 + 16 * line, CODE.fit(&words, room), CODE);
        }
    }
}

fn node_rect(zone: Rect, number: i32) -> Rect {
    let (x, y) = (zone.x + LANE + 6, zone.y + 36 + (NODE_H + 14) * number);
    Rect { x, y, w: NODE_W, h: NODE_H }
}

/// What a node stores on, and what streams may have of it.
fn disk(cluster: &Cluster) -> (String, String) {
    let volume = match &cluster.placement {
        Placement::Local { volume } => format!("disk {volume}"),
        Placement::Aws(aws) => format!("{} {}, encrypted", aws.volume.kind, aws.volume.size),
    };
    (volume, format!("JetStream {}", cluster.jetstream.max_file))
}

/// Lines of one zone: clients come in on the left of its nodes, routes leave on the right.
fn wire_zone(drawing: &mut Drawing, zone: Rect, nodes: usize, bus: i32, routes: i32) {
    let (entry, exit) = (zone.x + LANE / 2 + 3, zone.right() - LANE / 2 - 3);
    let mut ends = Vec::new();
    for number in 0..count(nodes) {
        let node = node_rect(zone, number);
        let y = node.middle();
        ends.push(y);
        let line = |points, colour, stroke, arrow| Line { points, colour, stroke, arrow };
        let (left, right) = (vec![(entry, y), (node.x, y)], vec![(node.right(), y), (exit, y)]);
        drawing.lines.push(line(left, CLIENT, Stroke::Solid, true));
        drawing.lines.push(line(right, ROUTE, Stroke::Dashed, false));
        if number + 1 < count(nodes) {
            drawing.dots.push((entry, y, CLIENT));
        }
        if number > 0 {
            drawing.dots.push((exit, y, ROUTE));
        }
    }
    let (Some(first), Some(last)) = (ends.first(), ends.last()) else {
        return;
    };
    let line = |points, colour, stroke, arrow| Line { points, colour, stroke, arrow };
    drawing.lines.push(line(vec![(entry, bus), (entry, *last)], CLIENT, Stroke::Solid, false));
    drawing.lines.push(line(vec![(exit, *first), (exit, routes)], ROUTE, Stroke::Dashed, true));
}

/// The line from the door along all zones.
fn wire_bus(drawing: &mut Drawing, door: (i32, i32), bus: i32, lanes: &[i32]) {
    let all = || lanes.iter().copied().chain([door.0]);
    let (Some(left), Some(right)) = (all().min(), all().max()) else {
        return;
    };
    let line = |points| Line { points, colour: CLIENT, stroke: Stroke::Solid, arrow: false };
    drawing.lines.push(line(vec![door, (door.0, bus)]));
    drawing.lines.push(line(vec![(left, bus), (right, bus)]));
    drawing.dots.extend(all().filter(|x| left < *x && *x < right).map(|x| (x, bus, CLIENT)));
}

fn show_routes(drawing: &mut Drawing, cluster: &Cluster, rect: Rect) {
    drawing.shapes.push(leaf(rect, "#ffffff", ROUTE));
    let title = format!(
        "routes on {}: every node with every other, TLS on both sides",
        cluster.ports.cluster
    );
    drawing.write(rect.x + 12, rect.y + 20, NAME.fit(&title, rect.w - 24), NAME);
    let streams = cluster.streams.len();
    let words = format!(
        "JetStream domain {}: {streams} streams, replicas in zones of their own",
        cluster.jetstream.domain
    );
    drawing.write(rect.x + 12, rect.y + 38, CODE.fit(&words, rect.w - 24), CODE);
}

/// The frame of the network, with its name.
fn region(drawing: &mut Drawing, cluster: &Cluster, top: i32, right: i32, bottom: i32) {
    let Placement::Aws(aws) = &cluster.placement else {
        return;
    };
    let rect = Rect { x: MARGIN, y: top, w: right - MARGIN, h: bottom - top };
    drawing.shapes.insert(0, frame(rect, "#fbfcfd", "#9aa5b1"));
    let words = format!("{} network {}", aws.region, aws.vpc);
    drawing.write(rect.x + 14, rect.y + 20, NOTE.fit(&words, rect.w / 2 - 230), NOTE);
}

/// The cache with its shards; returns its right end.
fn show_redis(drawing: &mut Drawing, redis: &Redis, x: i32, y: i32, clients: Rect) -> i32 {
    let (w, each) = (210, 18);
    let members = 1 + i32::from(redis.replicas_per_shard);
    let shard_h = 36 + each * members;
    let h = 76 + (shard_h + 10) * i32::from(redis.shards) - 10 + 12;
    let rect = Rect { x, y, w: w + 24, h };
    drawing.shapes.push(frame(rect, "#eef2f6", "#7b8794"));
    let band = Rect { x, y, w: rect.w, h: 30 };
    drawing.shapes.push(leaf(band, CACHE, CACHE));
    drawing.write(x + 12, y + 20, "Redis cache", BAND);
    let words = redis.node_type.as_deref().unwrap_or("cluster mode");
    drawing.write(x + 12, y + 50, CODE.fit(words, w), CODE);
    for shard in 0..i32::from(redis.shards) {
        let top = y + 64 + (shard_h + 10) * shard;
        let place = Rect { x: x + 12, y: top, w, h: shard_h };
        drawing.shapes.push(leaf(place, "#ffffff", INK));
        drawing.write(place.x + 12, top + 20, format!("shard {}", shard + 1), NAME);
        for member in 0..members {
            let name = if member == 0 { "primary".to_owned() } else { format!("replica {member}") };
            drawing.write(place.x + 24, top + 42 + each * member, name, CODE);
        }
    }
    let (end, middle) = (x + rect.w / 2, clients.middle());
    let points = vec![(clients.right(), middle), (end, middle), (end, y)];
    drawing.lines.push(Line { points, colour: CACHE, stroke: Stroke::Dotted, arrow: true });
    drawing.height = rect.bottom();
    rect.right()
}

fn legend(drawing: &mut Drawing, cluster: &Cluster, y: i32) {
    let ports = &cluster.ports;
    let client = format!("clients on {}, with certificates on both sides", ports.client);
    let route = format!("routes on {} between the nodes", ports.cluster);
    let listens = format!(
        "every node also listens for leafnodes on {} and for monitoring on {}",
        ports.leafnode, ports.monitor
    );
    let mut rows =
        vec![(Some((CLIENT, Stroke::Solid)), client), (Some((ROUTE, Stroke::Dashed)), route)];
    if cluster.redis.is_some() {
        let cache = "services use the cache directly".to_owned();
        rows.push((Some((CACHE, Stroke::Dotted)), cache));
    }
    rows.push((None, listens));
    let mut at = y.max(drawing.height + 30);
    for (line, words) in rows {
        if let Some((colour, stroke)) = line {
            let points = vec![(MARGIN, at - 4), (MARGIN + 46, at - 4)];
            drawing.lines.push(Line { points, colour, stroke, arrow: true });
        }
        drawing.write(MARGIN + 58, at, words.clone(), PROSE);
        drawing.width = drawing.width.max(MARGIN + 58 + PROSE.width(&words) + MARGIN);
        at += 22;
    }
    drawing.height = at + MARGIN - 10;
}
