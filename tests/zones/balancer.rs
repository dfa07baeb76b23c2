//! A proxy in the load balancer's place: it hands each connection to a node that its health check finds well.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use natsops::nats::{Health, Monitor};
use tokio::net::{TcpListener, TcpStream};

/// How often nodes are asked; the load balancer does every 10 s, which only makes the test longer.
const INTERVAL: Duration = Duration::from_millis(500);

/// Where it listens: certificates of nodes name it.
pub const DOOR: &str = "tls://localhost:4222";

/// Starts it before nodes at these addresses. It ends with the runtime.
pub async fn start(nodes: Vec<std::net::IpAddr>) {
    let listener = TcpListener::bind(("127.0.0.1", 4222)).await.unwrap();
    let well = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(watch(nodes, Arc::clone(&well)));
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            let well = well.lock().unwrap().clone();
            let Some(node) = well.get(turn % well.len().max(1)).copied() else {
                continue;
            };
            tokio::spawn(async move {
                let mut node = TcpStream::connect(SocketAddr::new(node, 4222)).await?;
                tokio::io::copy_bidirectional(&mut client, &mut node).await
            });
        }
    });
}

async fn watch(nodes: Vec<std::net::IpAddr>, well: Arc<Mutex<Vec<std::net::IpAddr>>>) {
    loop {
        let looks = nodes.iter().map(async |node| {
            let health = Monitor::new(SocketAddr::new(*node, 8222)).health().await;
            matches!(health, Ok(Health::Good)).then_some(*node)
        });
        let found = futures_util::future::join_all(looks).await;
        *well.lock().unwrap() = found.into_iter().flatten().collect();
        tokio::time::sleep(INTERVAL).await;
    }
}
