//! The contract of a whole environment: a panel for each account, side by side where they fit.

use super::drawing::{Drawing, PROSE, TITLE};
use super::{legend, panel};
use crate::model::Cluster;

/// Colours of accounts' bands: dark enough for white text, also where they are printed grey.
const BANDS: [&str; 6] = ["#1f4e79", "#7a3b00", "#1b5e46", "#6a1b4d", "#3d348b", "#4e5a00"];

const MARGIN: i32 = 24;
const HEAD: i32 = 78;
/// The narrowest picture that its title and its legend fit into.
const NARROWEST: i32 = 1000;

/// Draws it.
pub fn draw(cluster: &Cluster) -> Drawing {
    let bands = BANDS.iter().cycle();
    let mut panels: Vec<Drawing> = cluster
        .accounts
        .values()
        .zip(bands)
        .map(|(account, band)| panel::panel(cluster, account, band))
        .collect();
    // The tallest first, so that the columns become even.
    panels.sort_by_key(|panel| std::cmp::Reverse(panel.height));
    let columns = (1..=panels.len().max(1)).min_by_key(|count| skew(&arrange(&panels, *count)));
    let places = arrange(&panels, columns.unwrap_or(1));
    let (width, height) = extent(&places);
    let mut drawing = Drawing {
        width: width.max(NARROWEST) + 2 * MARGIN,
        height: HEAD + height + legend::HEIGHT + 2 * MARGIN,
        title: format!("The messaging contract of {}", cluster.environment),
        ..Drawing::default()
    };
    let title = TITLE.fit(&drawing.title, drawing.width - 2 * MARGIN);
    drawing.write(MARGIN, 40, title, TITLE);
    drawing.write(MARGIN, 62, summary(cluster), PROSE);
    for (panel, (x, y, _, _)) in panels.into_iter().zip(&places) {
        drawing.paste(panel, MARGIN + x, HEAD + y);
    }
    legend::contract(&mut drawing, MARGIN, HEAD + height + MARGIN);
    drawing
}

fn summary(cluster: &Cluster) -> String {
    let (accounts, services) = (cluster.accounts.len(), cluster.services.len());
    let leafnodes = super::leafnodes(cluster.leafnodes.len());
    let (streams, buckets) = (cluster.streams.len(), cluster.buckets.len());
    let buckets = if buckets == 0 { String::new() } else { format!(", {buckets} buckets") };
    let passages = match cluster.passages.len() {
        0 => String::new(),
        count => format!(", {count} subjects between accounts"),
    };
    format!(
        "{accounts} accounts, {services} services{leafnodes}, {streams} streams{buckets}{passages}. \
         Point at a box to read what it is for."
    )
}

/// A place with its extent: left, top, width, height.
type Place = (i32, i32, i32, i32);

/// Puts each panel below the shortest column.
fn arrange(panels: &[Drawing], columns: usize) -> Vec<Place> {
    let mut heights = vec![0; columns];
    let chosen: Vec<usize> = panels
        .iter()
        .map(|panel| {
            let shortest = (0..columns).min_by_key(|column| heights[*column]).unwrap_or(0);
            heights[shortest] += panel.height + MARGIN;
            shortest
        })
        .collect();
    let widest = |column: usize| {
        let own = panels.iter().zip(&chosen).filter(|(_, chosen)| **chosen == column);
        own.map(|(panel, _)| panel.width).max().unwrap_or(0)
    };
    let lefts: Vec<i32> = (0..columns)
        .scan(0, |x, column| {
            let left = *x;
            *x += widest(column) + MARGIN;
            Some(left)
        })
        .collect();
    let mut tops = vec![0; columns];
    panels
        .iter()
        .zip(chosen)
        .map(|(panel, column)| {
            let y = tops[column];
            tops[column] += panel.height + MARGIN;
            (lefts[column], y, panel.width, panel.height)
        })
        .collect()
}

fn extent(places: &[Place]) -> (i32, i32) {
    let right = places.iter().map(|(x, _, w, _)| x + w).max().unwrap_or(0);
    let bottom = places.iter().map(|(_, y, _, h)| y + h).max().unwrap_or(0);
    (right, bottom)
}

/// How far a picture is from the shape of a sheet of paper, which is three wide and two high.
fn skew(places: &[Place]) -> i64 {
    let (width, height) = extent(places);
    (2 * i64::from(width) - 3 * i64::from(height)).abs()
}
