//! A relay between two nodes that is as slow as a link over the internet: bytes a second, a delay, and a buffer like that
//! of a router, but that what does not fit waits at the sender instead of being lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::alarm;

/// One direction; the other is like it.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub bytes_per_s: u64,
    /// To begin with.
    pub way: Duration,
    /// Bytes that may wait.
    pub buffer: u32,
}

/// What is read at once: a packet.
const PACKET: u16 = 1500;
/// The system's buffers beside ours. Two segments of loopback, which are 64 KiB long: with less TCP waits now and then for
/// its persist timer, 200 ms, instead of sending part of a segment.
const SOCKET_BUFFER: u32 = 128 << 10;

/// A relay that runs.
pub struct Relay {
    /// On loopback.
    pub port: u16,
    /// One way, in microseconds: longer or shorter from now on, but nothing overtakes anything.
    pub way: Arc<AtomicU64>,
}

impl Relay {
    pub fn set_way(&self, way: Duration) {
        self.way.store(micros(way), Ordering::Relaxed);
    }
}

/// Starts a relay to an address.
pub async fn relay(to: String, line: Line) -> Relay {
    let listener = socket("127.0.0.1:0");
    let port = listener.local_addr().unwrap().port();
    let way = Arc::new(AtomicU64::new(micros(line.way)));
    tokio::spawn(accept(listener, to, line, way.clone()));
    Relay { port, way }
}

/// A listening socket whose connections have buffers that are as large as relays need.
pub fn socket(address: &str) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    // Connections inherit it.
    socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
    socket.bind(address.parse().unwrap()).unwrap();
    socket.listen(64).unwrap()
}

fn micros(way: Duration) -> u64 {
    way.as_micros().try_into().unwrap()
}

async fn accept(listener: TcpListener, to: String, line: Line, way: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
        let Ok(far) = socket.connect(to.parse().unwrap()).await else { continue };
        carry(near, far, line, &way);
    }
}

/// Carries between two connections, both ways.
pub fn carry(near: TcpStream, far: TcpStream, line: Line, way: &Arc<AtomicU64>) {
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let (near_reader, near_writer) = near.into_split();
    let (far_reader, far_writer) = far.into_split();
    for (from, to) in [(near_reader, far_writer), (far_reader, near_writer)] {
        let (packets, queued) = mpsc::channel(1 << 16);
        let room = Arc::new(Semaphore::new(line.buffer as usize));
        tokio::spawn(take(from, packets, room, line, way.clone()));
        tokio::spawn(pass(to, queued));
    }
}

/// Reads while there is room in the buffer, and says when each packet is at the other end.
async fn take(
    mut from: OwnedReadHalf,
    packets: mpsc::Sender<(Instant, Vec<u8>)>,
    room: Arc<Semaphore>,
    line: Line,
    way: Arc<AtomicU64>,
) {
    let mut free = Instant::now();
    loop {
        let Ok(permit) = room.clone().acquire_many_owned(PACKET.into()).await else { return };
        let mut packet = vec![0; PACKET.into()];
        let Ok(length) = from.read(&mut packet).await else { return };
        if length == 0 {
            return;
        }
        packet.truncate(length);
        free = free.max(Instant::now()) + Duration::from_secs_f64(length as f64 / line.bytes_per_s as f64);
        let way = Duration::from_micros(way.load(Ordering::Relaxed));
        if packets.send((free + way, packet)).await.is_err() {
            return;
        }
        // It leaves the buffer when it has been sent.
        tokio::spawn(async move {
            alarm::at(free).await;
            drop(permit);
        });
    }
}

async fn pass(mut to: OwnedWriteHalf, mut queued: mpsc::Receiver<(Instant, Vec<u8>)>) {
    while let Some((when, packet)) = queued.recv().await {
        alarm::at(when).await;
        if to.write_all(&packet).await.is_err() {
            return;
        }
    }
    _ = to.shutdown().await;
}
