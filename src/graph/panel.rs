//! The contract of one account: those who speak on the left, subjects by stream in the middle, those who listen
//! on the right. A service that does both stands on both sides.

use std::collections::BTreeMap;

use super::drawing::{BAND, BAND_NOTE, CODE, Drawing, NAME, NOTE, Rect, Role, Shape, Stroke};
use super::wiring::{Gutter, Plug, quiet, spread, width, wire};
use crate::contract::{Borders, Grant, Holder, Verb, grants, holders, pulled};
use crate::model::{Account, Bucket, Category, Cluster, Passage, PassageKind, Service, Subject};

/// Colours of services' lines: dark, so that each is seen on white and printed without colour.
const WIRES: [&str; 8] =
    ["#0b5394", "#a64d00", "#00695c", "#8e2a6e", "#4a3f9e", "#6b5a00", "#b02a2a", "#37474f"];

const PAD: i32 = 16;
const BAND_HEIGHT: i32 = 46;
const PORT: i32 = 13;
const SERVICE: i32 = 26;
const GAP: i32 = 10;
const GROUP_HEAD: i32 = 22;

/// Where the line of one service or leafnode ends.
struct Port<'a> {
    holder: Holder<'a>,
    /// What stands beside it, where it listens.
    label: String,
    stroke: Stroke,
}

/// A subject, or the keys of a bucket, with its ports from top to bottom.
struct Row<'a> {
    text: String,
    subject: Option<&'a Subject>,
    speaks: Vec<Port<'a>>,
    listens: Vec<Port<'a>>,
    /// The other accounts that take it or ask for it, in words.
    away: Vec<String>,
    /// The title of its group, where it belongs to another account.
    abroad: Option<String>,
    rect: Rect,
}

/// Subjects that belong together: requests, or what one stream stores.
struct Group<'a> {
    title: String,
    tip: Option<String>,
    rows: Vec<Row<'a>>,
    rect: Rect,
}

/// The widths of the columns.
struct Columns {
    speakers: i32,
    left: i32,
    subjects: i32,
    labels: i32,
    right: i32,
    listeners: i32,
}

/// Draws an account. `colour` is that of its band.
pub fn panel(cluster: &Cluster, account: &Account, colour: &'static str) -> Drawing {
    let all: Vec<Holder<'_>> =
        holders(cluster).filter(|holder| holder.account() == &account.name).collect();
    let also = |holder: &Holder<'_>, uses: fn(&Service) -> bool| holder.service().is_some_and(uses);
    let speaks = |holder: &Holder<'_>| {
        grants(*holder).iter().any(|grant| grant.verb.speaks())
            || also(holder, |service| !service.writes.is_empty())
    };
    let listens = |holder: &Holder<'_>| {
        grants(*holder).iter().any(|grant| !grant.verb.speaks())
            || also(holder, |service| !service.consumes.is_empty() || !service.reads.is_empty())
    };
    let speakers: Vec<Holder<'_>> =
        all.iter().filter(|holder| speaks(holder) || !listens(holder)).copied().collect();
    let listeners: Vec<Holder<'_>> = all.iter().filter(|holder| listens(holder)).copied().collect();
    let mut groups = groups(cluster, account, &all);
    let columns = columns(&groups, &speakers, &listeners);
    let mut drawing = Drawing::default();
    let middle = PAD + columns.speakers + columns.left;
    let bottom = place(&mut groups, middle, columns.subjects + columns.labels);
    groups.iter().for_each(|group| show(&mut drawing, group, columns.subjects));
    let left = Side {
        holders: speakers,
        x: PAD,
        w: columns.speakers,
        gutter: Gutter { services: PAD + columns.speakers, ports: middle + 10, outward: true },
    };
    let ports = middle + columns.subjects + columns.labels - 10;
    let x = ports + 10 + columns.right;
    let right = Side {
        holders: listeners,
        x,
        w: columns.listeners,
        gutter: Gutter { services: x, ports, outward: false },
    };
    let ends =
        [side(&mut drawing, &left, &groups, bottom), side(&mut drawing, &right, &groups, bottom)];
    drawing.height = ends.into_iter().fold(bottom, i32::max) + PAD;
    drawing.width = x + columns.listeners + PAD;
    frame(&mut drawing, account, &all, colour);
    drawing
}

/// The subjects of an account: requests first, then each stream, what no stream stores, each bucket, and what is
/// another's.
fn groups<'a>(
    cluster: &'a Cluster,
    account: &'a Account,
    holders: &[Holder<'a>],
) -> Vec<Group<'a>> {
    let all = rows(cluster, account, holders);
    let (abroad, own): (Vec<Row<'a>>, Vec<Row<'a>>) =
        all.into_iter().partition(|row| row.abroad.is_some());
    let category = |row: &Row<'_>| row.subject.map(Subject::category);
    let (requests, mut rest): (Vec<Row<'a>>, Vec<Row<'a>>) =
        own.into_iter().partition(|row| category(row) == Some(Category::Service));
    let rect = NOWHERE;
    let mut all = vec![Group { title: "requests".to_owned(), tip: None, rows: requests, rect }];
    for stream in cluster.streams.iter().filter(|stream| stream.account == account.name) {
        let stored = |row: &Row<'_>| {
            row.subject.is_some_and(|subject| stream.subjects.iter().any(|p| p.covers(subject)))
        };
        let (rows, others) = rest.into_iter().partition(stored);
        rest = others;
        let title = match stream.max_age {
            Some(age) => format!("stream {} keeps {age}", stream.name),
            None => format!("stream {}", stream.name),
        };
        all.push(Group { title, tip: Some(stream.description.clone()), rows, rect });
    }
    all.push(Group { title: "stored by no stream".to_owned(), tip: None, rows: rest, rect });
    let buckets = cluster.buckets.iter().filter(|bucket| bucket.account == account.name);
    all.extend(buckets.map(|bucket| keys(bucket, holders)));
    let mut others: BTreeMap<String, Vec<Row<'a>>> = BTreeMap::new();
    for row in abroad {
        others.entry(row.abroad.clone().unwrap_or_default()).or_default().push(row);
    }
    all.extend(others.into_iter().map(|(title, rows)| Group { title, tip: None, rows, rect }));
    let named = |group: &Group<'_>| group.tip.is_some();
    all.retain(|group| !group.rows.is_empty() || named(group));
    all
}

const NOWHERE: Rect = Rect { x: 0, y: 0, w: 0, h: 0 };

/// A row for each subject that somebody in the account has to do with, and for each record that others send it.
fn rows<'a>(cluster: &'a Cluster, account: &'a Account, holders: &[Holder<'a>]) -> Vec<Row<'a>> {
    let borders = Borders::new(cluster);
    let mut rows: BTreeMap<&Subject, Row<'a>> = BTreeMap::new();
    let own = pulled(cluster).into_iter().filter(|grant| *grant.account == account.name);
    for grant in holders.iter().flat_map(|holder| grants(*holder)).chain(own) {
        let row = rows.entry(grant.subject).or_insert_with(|| row(grant.subject));
        row.abroad = row.abroad.take().or_else(|| borders.crossing(&grant).map(abroad));
        let port = Port { holder: grant.holder, label: label(&grant), stroke: stroke(&grant) };
        if grant.verb.speaks() { row.speaks.push(port) } else { row.listens.push(port) }
    }
    let audit = |p: &&Passage| p.kind == PassageKind::Audit && p.owner == account.name;
    for passage in cluster.passages.iter().filter(audit) {
        rows.entry(&passage.subject).or_insert_with(|| row(&passage.subject));
    }
    for (subject, row) in &mut rows {
        let given = borders.given(&account.name, subject).into_iter();
        row.away = given.map(away).collect();
    }
    rows.into_values().collect()
}

fn row(subject: &Subject) -> Row<'_> {
    Row {
        text: subject.to_string(),
        subject: Some(subject),
        speaks: vec![],
        listens: vec![],
        away: vec![],
        abroad: None,
        rect: NOWHERE,
    }
}

/// The title of what is another account's.
fn abroad(passage: &Passage) -> String {
    match passage.kind {
        PassageKind::Events => format!("events of {}", passage.owner),
        PassageKind::Stored => format!("stored by {}", passage.owner),
        PassageKind::Requests => format!("requests to {}", passage.owner),
        PassageKind::Audit => format!("audit records, kept by {}", passage.owner),
    }
}

/// Who takes a subject of the account elsewhere.
fn away(passage: &Passage) -> String {
    let word = match passage.kind {
        PassageKind::Events => "to",
        PassageKind::Requests | PassageKind::Audit => "from",
        PassageKind::Stored => "pulled by",
    };
    format!("{word} {}", passage.user)
}

/// The keys of a bucket with those who write and read them.
fn keys<'a>(bucket: &'a Bucket, holders: &[Holder<'a>]) -> Group<'a> {
    let rect = NOWHERE;
    let services = || holders.iter().filter_map(|holder| holder.service());
    let port = |service: &'a Service| Port {
        holder: Holder::Service(service),
        label: "reads".to_owned(),
        stroke: Stroke::Solid,
    };
    let writers = services().filter(|service| service.writes.contains(&bucket.name));
    let readers = services().filter(|service| service.reads.contains(&bucket.name));
    let row = Row {
        text: bucket.name.subjects(),
        subject: None,
        speaks: writers.map(port).collect(),
        listens: readers.map(port).collect(),
        away: vec![],
        abroad: None,
        rect,
    };
    let title = match bucket.ttl {
        Some(ttl) => format!("bucket {} keeps {ttl}", bucket.name),
        None => format!("bucket {}", bucket.name),
    };
    Group { title, tip: Some(bucket.description.clone()), rows: vec![row], rect }
}

/// What stands beside a port of a listener.
fn label(grant: &Grant<'_>) -> String {
    match (grant.queue, grant.consumer) {
        (Some(queue), _) => queue.to_string(),
        (None, Some(consumer)) => format!("pulls {}", consumer.name),
        (None, None) => "every instance".to_owned(),
    }
}

fn columns(groups: &[Group<'_>], speakers: &[Holder<'_>], listeners: &[Holder<'_>]) -> Columns {
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let names = |holders: &[Holder<'_>]| {
        let widths = holders.iter().map(|holder| NAME.width(&holder.to_string()));
        widths.max().unwrap_or(60) + 20
    };
    let subjects = rows().map(|row| CODE.width(&row.text)).max().unwrap_or(120) + 30;
    let labels = rows().flat_map(|row| &row.listens).map(|port| NOTE.width(&port.label));
    let away = rows().flat_map(|row| &row.away).map(|word| NOTE.width(word));
    let labels = labels.chain(away).max().unwrap_or(0) + 26;
    let titles = groups.iter().map(|group| NOTE.width(&group.title)).max().unwrap_or(0) + 20;
    Columns {
        speakers: names(speakers),
        left: width(speakers.len()),
        subjects: subjects.max(titles - labels),
        labels,
        right: width(listeners.len()),
        listeners: names(listeners),
    }
}

/// Gives every group and row its place, and returns the lower end of the last.
fn place(groups: &mut [Group<'_>], x: i32, w: i32) -> i32 {
    let mut y = BAND_HEIGHT + PAD;
    for group in groups.iter_mut() {
        let top = y;
        y += GROUP_HEAD;
        for row in &mut group.rows {
            let ports = row.speaks.len().max(row.listens.len() + row.away.len()).max(1);
            let h = PORT * i32::try_from(ports).unwrap_or(1) + 7;
            row.rect = Rect { x: x + 10, y, w: w - 20, h };
            y += h + 5;
        }
        y += 5;
        group.rect = Rect { x, y: top, w, h: y - top };
        y += GAP;
    }
    y - GAP
}

/// The heights of so many ports of a row.
fn ports(row: &Row<'_>, count: usize) -> impl Iterator<Item = i32> + use<> {
    let count = i32::try_from(count).unwrap_or(1);
    let first = row.rect.middle() - PORT * (count - 1) / 2;
    (0..count).map(move |port| first + PORT * port)
}

fn show(drawing: &mut Drawing, group: &Group<'_>, subjects: i32) {
    let (fill, edge) =
        if group.tip.is_some() { ("#eef2f6", "#7b8794") } else { ("#fafafa", "#cbd2d9") };
    drawing.shapes.push(Shape {
        rect: group.rect,
        role: Role::Frame,
        fill,
        edge,
        weight: 1,
        round: 6,
        tip: group.tip.clone(),
    });
    drawing.write(group.rect.x + 10, group.rect.y + 15, &group.title, NOTE);
    for row in &group.rows {
        drawing.shapes.push(Shape {
            rect: row.rect,
            role: Role::Leaf,
            fill: "#ffffff",
            edge: "#7b8794",
            weight: 1,
            round: 3,
            tip: None,
        });
        drawing.write(row.rect.x + 8, row.rect.middle() + 4, row.text.as_str(), CODE);
        let labels = row.listens.iter().map(|port| &port.label).chain(&row.away);
        for (y, label) in ports(row, row.listens.len() + row.away.len()).zip(labels) {
            drawing.write(row.rect.x + subjects - 10, y + 3, label.as_str(), NOTE);
        }
    }
}

/// One column of services and leafnodes with the gutter beside it.
struct Side<'a> {
    holders: Vec<Holder<'a>>,
    x: i32,
    w: i32,
    gutter: Gutter,
}

/// Draws such a column with its lines, and returns its lower end.
fn side(drawing: &mut Drawing, side: &Side<'_>, groups: &[Group<'_>], bottom: i32) -> i32 {
    let rows: Vec<&Row<'_>> = groups.iter().flat_map(|group| &group.rows).collect();
    let mut busy = Vec::new();
    let mut found: BTreeMap<Holder<'_>, Vec<(i32, Stroke)>> = BTreeMap::new();
    for row in rows {
        let ends = if side.gutter.outward { &row.speaks } else { &row.listens };
        // The places of other accounts come last on the right, and no line goes there.
        let away = if side.gutter.outward { 0 } else { row.away.len() };
        for (y, port) in ports(row, ends.len() + away).zip(ends) {
            busy.push(y);
            found.entry(port.holder).or_default().push((y, port.stroke));
        }
    }
    let mut wished: Vec<(i32, Holder<'_>)> = side
        .holders
        .iter()
        .map(|holder| {
            let ports = found.get(holder).map(Vec::as_slice).unwrap_or_default();
            let count = i32::try_from(ports.len()).unwrap_or(1).max(1);
            let mean = ports.iter().map(|(y, _)| *y).sum::<i32>() / count;
            (mean - SERVICE / 2, *holder)
        })
        .collect();
    wished.sort_unstable();
    let wishes: Vec<i32> = wished.iter().map(|(wish, _)| *wish).collect();
    let places = spread(&wishes, SERVICE, GAP, BAND_HEIGHT + PAD, bottom);
    let mut plugs = Vec::new();
    for (number, (y, (_, holder))) in places.iter().zip(&wished).enumerate() {
        let colour = WIRES[number % WIRES.len()];
        let rect = Rect { x: side.x, y: *y, w: side.w, h: SERVICE };
        boxed(drawing, rect, *holder, colour);
        let ports = found.remove(holder).unwrap_or_default();
        let y = quiet(*y, SERVICE, &busy);
        busy.push(y);
        plugs.push(Plug { y, colour, ports });
    }
    wire(drawing, side.gutter, &plugs);
    places.last().map_or(0, |last| last + SERVICE)
}

fn stroke(grant: &Grant<'_>) -> Stroke {
    match (grant.verb, grant.subject.category()) {
        (Verb::Calls | Verb::Serves, _) => Stroke::Solid,
        (_, Category::Audit) => Stroke::Dotted,
        _ => Stroke::Dashed,
    }
}

fn boxed(drawing: &mut Drawing, rect: Rect, holder: Holder<'_>, colour: &'static str) {
    drawing.shapes.push(Shape {
        rect,
        role: Role::Leaf,
        // Who stands outside of the cluster looks different.
        fill: if holder.is_leafnode() { "#eef2f6" } else { "#ffffff" },
        edge: colour,
        weight: 2,
        round: 5,
        tip: Some(holder.description().to_owned()),
    });
    drawing.write(rect.x + 10, rect.middle() + 4, holder.to_string(), NAME);
}

/// The frame around everything, with the account's name on a dark band.
fn frame(drawing: &mut Drawing, account: &Account, all: &[Holder<'_>], colour: &'static str) {
    let leafnodes = all.iter().filter(|holder| holder.is_leafnode()).count();
    let edges = super::leafnodes(leafnodes);
    let title = format!("{}  {} services{edges}", account.name, all.len() - leafnodes);
    drawing.width = drawing.width.max(BAND.width(&title) + 2 * PAD);
    let (w, h) = (drawing.width, drawing.height);
    let rect = Rect { x: 0, y: 0, w, h };
    let band = Rect { x: 0, y: 0, w, h: BAND_HEIGHT };
    let shape =
        |rect, role, fill, edge| Shape { rect, role, fill, edge, weight: 2, round: 8, tip: None };
    drawing.shapes.insert(0, shape(rect, Role::Frame, "#ffffff", colour));
    drawing.shapes.insert(1, shape(band, Role::Leaf, colour, colour));
    drawing.write(PAD, 20, title, BAND);
    let told = BAND_NOTE.fit(&account.description, w - 2 * PAD);
    drawing.write(PAD, 37, told, BAND_NOTE);
}
