//! Something of each kind that is read: where changes begin.

use std::path::Path;

use dataset::climate::{self, Chunks, Climate, Layout};
use dataset::manifest::{File, Manifest, VersionRoot};
use dataset::memory::Memory;
use dataset::slab::{Slab, Span};
use dataset::source::Source;
use dataset::tree::Outboard;
use grid::certified::Certificate;
use grid::id::{GridId, NodeId};
use grid::ledger::Counts;
use grid::ledger::saved::{SavedAccount, Snapshot};
use grid::ledger::verdict::Verdict;
use grid::level::Level;
use grid::message::{AnswerBody, Message};
use grid::mimics::{Firsts, Seed};
use grid::parameters::Parameters;
use grid::queue::Class;
use grid::record::{Record, Stamp, Subject, Terms};
use grid::time::Day;
use libp2p::identity::Keypair;
use tunnel::cell::Cell;
use tunnel::payload::{self, Command, MOST};

use super::identities::{PASSPHRASE, parameters};
use super::tunnels::NOW;
use super::wire::read;
use crate::config::{grid_file, keys};
use crate::data::checksum::Checksum;
use crate::data::wire::{Ask, Ending, MIN_SEGMENT, Place, Refusal, Request, Selection, Status};
use crate::datasets::catalog::{self, encode_outboards};
use crate::datasets::head::{Head, Note};
use crate::datasets::store::{Fingerprint, Found};
use crate::gateway::along;
use crate::minting;
use crate::pointer::PointerText;
use crate::tunnels::relays::firsts;
use crate::tunnels::service::{Meeting, ServiceKey, ServiceName, Statement};
use crate::tunnels::talk;
use crate::wire::frame::write_frame;
use crate::wire::greeting::{Greeting, Seen};
use crate::wire::piece::{self, LAST_WORD, Reached, whole_message};
use crate::wire::{Contact, WireBrief, WireCard, WireRecord, codec};

/// The vectors of messages, which are nodes' own words.
fn messages() -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/messages.hex");
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let bytes = |line: &str| {
        let hex = line.split_once(' ').unwrap().1.as_bytes();
        hex.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    };
    std::fs::read_to_string(file).unwrap().lines().map(bytes).collect()
}

fn records() -> Vec<Record> {
    let record = |bytes: &Vec<u8>| match read(bytes).unwrap().message {
        Message::Replicate { record, .. } => Some(record),
        _ => None,
    };
    messages().iter().filter_map(record).collect()
}

fn certificates() -> Vec<Certificate> {
    let certificate = |bytes: &Vec<u8>| match read(bytes).unwrap().message {
        Message::Answer(answer) => match answer.body {
            AnswerBody::Roster(certificate) => Some(certificate),
            _ => None,
        },
        _ => None,
    };
    messages().iter().filter_map(certificate).collect()
}

fn briefs() -> Vec<(Vec<WireCard>, WireBrief)> {
    let brief = |certificate: &Certificate| {
        let cards: Vec<WireCard> = certificate.signed().iter().map(|signed| signed.peer().card().into()).collect();
        let place = |peer: &grid::peer::Peer| {
            let card = WireCard::from(peer.card());
            u16::try_from(cards.iter().position(|one| *one == card).unwrap()).unwrap()
        };
        let brief = WireBrief::new(certificate, place);
        (cards, brief)
    };
    certificates().iter().map(brief).collect()
}

fn pointer() -> PointerText {
    let subject = Subject::Mutable { writer: [7; 32], interval: 60 };
    let (from, application) = (Day::new(2_461_366), vec![1, 2]);
    let terms = Terms { subject, size: 128, from, days: 30, half_life: 0, priority: 0, application };
    PointerText { terms, stamp: Stamp { nonce: [3; 8], bits: 12 } }
}

/// A card of the grid of [`parameters`], with a contact, and the identity as a file.
fn carded() -> (WireCard, Vec<Vec<u8>>) {
    let grid = parameters();
    let secret = minting::mint_quickly(&grid).unwrap();
    let keypair = Keypair::generate_ed25519();
    let id = NodeId::from_bytes(secret.identity().id());
    let (peer_id, expires) = (keypair.public().to_peer_id().to_bytes(), crate::clock::unix_seconds() + 86_400);
    let issued = expires - 86_400;
    let credential = secret
        .sign_credential(grid.grid_id().as_bytes(), &peer_id, [4; 32], issued, expires, &mut rand::rng())
        .unwrap();
    let addresses = vec!["/ip4/127.0.0.1/tcp/4001".parse::<libp2p::Multiaddr>().unwrap().to_vec()];
    let signature = keypair.sign(&Contact::signed_bytes(&grid.grid_id(), &id, 3, &addresses)).unwrap();
    let contact = Some(codec::encode(&Contact { version: 3, addresses, signature }));
    let card = WireCard { identity: secret.identity().to_bytes(), credential: credential.to_bytes(), contact };
    let pem = |passphrase| hashcash::file::to_pem(&secret, passphrase).unwrap().as_bytes().to_vec();
    (card, vec![pem(None), pem(Some(PASSPHRASE))])
}

fn units() -> Vec<Vec<u8>> {
    let mut all = whole_message(Class::Control, b"ping");
    piece::append_mark(&mut all);
    piece::append_reached(&mut all, Reached { marks: 1, at: 77 });
    piece::append_padding(&mut all, 9);
    piece::append_padding(&mut all, 2);
    let long = vec![7; 2000];
    piece::append_piece(&mut all, Class::Bulk, &long, 0, 1024);
    all.extend(whole_message(Class::Interactive, b"between"));
    piece::append_piece(&mut all, Class::Bulk, &long, 1024, 1024);
    all.push(LAST_WORD);
    let mut cell = Vec::new();
    piece::append_cell(&mut cell, &Cell::cover());
    vec![all, cell]
}

fn data() -> Vec<Vec<u8>> {
    let (card, _) = carded();
    let place = Place { version: VersionRoot([5; 32]), file: 1, variable: 2 };
    let selection = Selection { place, slab: Slab(vec![Span { start: 1, count: 2, stride: 3 }]) };
    let check = Request::Check {
        of: selection.clone(),
        nonce: [6; 32],
        checksum: Checksum::Blake3,
        segment_bytes: MIN_SEGMENT,
        segments: 0..3,
    };
    let ask = |request| codec::encode(&Ask { card: Some(card.clone()), dataset: "sst".into(), request });
    let behind = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    vec![
        behind(0, ask(Request::Chunks { place, groups: vec![0..2, 4..5] })),
        behind(0, ask(Request::Manifest { version: place.version })),
        behind(1, codec::encode(&Status::Ok { length: 1 << 40 })),
        behind(1, codec::encode(&Status::Refused(Refusal::UnknownVersion { served: vec![place.version] }))),
        behind(2, codec::encode(&Ending::Signed { root: [8; 32], signature: vec![9; 64] })),
        behind(2, codec::encode(&Ending::Failed(Refusal::OutOfRange("there is no axis 4".into())))),
        behind(3, Request::Values(selection).encode()),
        behind(3, check.encode()),
        behind(3, Request::Reports { version: place.version }.encode()),
        // One word each of two that contradict each other: nobody has signed them.
        behind(4, codec::encode(&(&card, Request::Reports { version: place.version }.encode(), words()))),
        behind(5, codec::encode(&vec![(&card, Request::Reports { version: place.version }.encode(), words())])),
    ]
}

fn words() -> [([u8; 32], Vec<u8>); 2] {
    [([1; 32], vec![1; 64]), ([2; 32], vec![2; 64])]
}

fn talks() -> Vec<Vec<u8>> {
    let record = || WireRecord::from(&records()[0]);
    let asks = [
        talk::Ask::Roster,
        talk::Ask::Get { pointer: pointer().to_string().into_bytes(), chunk: 3 },
        talk::Ask::Put { record: record() },
        talk::Ask::Meet {
            key: [1; 32],
            name: b"notes".to_vec(),
            expires: NOW,
            signature: vec![2; 64],
            proof: vec![3; 64],
        },
        talk::Ask::Line { cell: 9, axis: 1 },
        talk::Ask::Connect { host: b"example.org".to_vec(), port: 443 },
    ];
    let (cards, brief) = briefs().remove(0);
    let answers = [
        talk::Answer::Roster { cards, lines: vec![brief] },
        talk::Answer::Got { record: record(), hops: 2, from: 77, cells: 1 },
        talk::Answer::Failed(b"nobody has it".to_vec()),
        talk::Answer::Meetings(vec![talk::Announced { node: [1; 32], cell: 3, note: vec![5; 105] }]),
        talk::Answer::NotConnected { why: 2, text: b"refused".to_vec() },
    ];
    asks.iter().map(codec::encode).chain(answers.iter().map(codec::encode)).collect()
}

fn meeting() -> Vec<u8> {
    let keypair = Keypair::ed25519_from_bytes([3; 32]).unwrap();
    let key = ServiceKey(keypair.public().try_into_ed25519().unwrap().to_bytes());
    let (grid, node) = (GridId::from_bytes([1; 32]), NodeId::from_bytes([2; 32]));
    let name: ServiceName = "notes".parse().unwrap();
    let expires = NOW + 600;
    let [signature, _] =
        Statement { grid: &grid, node: &node, name: &name, key: &key, expires }.sign(&keypair).unwrap();
    Meeting { key, expires, signature }.note()
}

fn manifests() -> Vec<Vec<u8>> {
    let file = |path: &str, source: &Memory| {
        let streams =
            (0..source.description().variables.len()).map(|place| Outboard::of(source, place).unwrap().stream());
        File { path: path.into(), description: source.description().clone(), streams: Some(streams.collect()) }
    };
    let (asked, bytes) = (super::datasets::asked_of(), Memory::of_bytes(b"abc"));
    let signed = Manifest { label: String::new(), files: vec![file("a.nc", asked), file("b.nc", &bytes)] };
    let plain = File { streams: None, ..file("", &bytes) };
    let unsigned = Manifest { label: "first".into(), files: vec![plain] };
    [signed, unsigned].iter().map(|manifest| manifest.encode().unwrap()).collect()
}

fn netcdfs() -> Vec<Vec<u8>> {
    let world = Climate { days: 2, latitudes: 2, longitudes: 3 };
    let chunks = Chunks { days: 1, latitudes: 2, longitudes: 2, deflate: Some(2), is_shuffled: true };
    let folder = tempfile::tempdir().unwrap();
    let write = |layout| {
        let path = folder.path().join("climate.nc");
        climate::write(&path, &world, layout).unwrap();
        std::fs::read(path).unwrap()
    };
    [Layout::Offset64, Layout::Hdf5, Layout::Chunked(chunks)].map(write).into()
}

fn ledger() -> Vec<u8> {
    let account = SavedAccount {
        id: NodeId::from_bytes([1; 32]),
        given: 1.5,
        received: 2.0,
        squares: 1e20,
        evidence: -2.25,
        verdict: Verdict::Fair,
        theirs: Counts { asked: 3, served: 2, refused: 1 },
        ours: Counts { asked: u64::MAX, served: 0, refused: 7 },
    };
    crate::storage::ledger::encode(&Snapshot { unix: NOW, usual_refusals: 0.125, accounts: vec![account] })
}

fn catalog() -> Vec<u8> {
    let location: crate::datasets::store::Location = "/data/a.nc".parse().unwrap();
    let fingerprint = Fingerprint { size: 7, modified: -3, etag: Some("\"x\"".into()) };
    let files = vec![Found { path: String::new(), location: location.clone(), fingerprint }];
    let root = VersionRoot([4; 32]);
    let version = catalog::Version { root, sequence: Some(3), length: 9, location, files };
    let name = "sst.daily".parse().unwrap();
    let entry = catalog::Entry { name, pointer: Some(pointer()), own: true, serve: true, versions: vec![version] };
    toml::to_string(&entry).unwrap().into_bytes()
}

fn saved() -> Vec<Vec<u8>> {
    let head = Head { name: "sst".parse().unwrap(), version: VersionRoot([4; 32]), length: 99 };
    let head = serde_json::to_string(&head).unwrap();
    let pins = format!("[{{\"pointer\":\"{}\",\"sequence\":3,\"head\":{head}}}]", pointer());
    let id = NodeId::from_bytes([9; 32]);
    let servers = format!(
        "{{\"requests\":9,\"servers\":[{{\"id\":\"{id}\",\"cell\":\"1,2\",\"trust\":0.9,\"flagged\":false,\"checks\":9,\
         \"passed\":8,\"in_a_row\":7,\"mismatches\":1,\"timeouts\":0,\"answers\":9,\"challenges\":3,\"bytes\":77,\
         \"shunned\":null}}]}}"
    );
    let entry = format!("{{\"api\":\"127.0.0.1:4011\",\"token\":\"abc\",\"pid\":7,\"id\":\"{id}\"}}");
    [("0", servers), ("1", pins), ("2", entry)].map(|(kind, text)| format!("{kind}{text}").into_bytes()).into()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn cells() -> Vec<Vec<u8>> {
    let (set_up, answer) = ([1, 0, 0, 4], [2, 0, 0, 0]);
    let (say, ping, back) = ([3, 0, 6, 0, 0], [3, 0, 5, 0, 0], [7, 0, 9]);
    let whole = [&set_up[..], &answer, &say, &say, &ping, &back, &[5, 250, 1], &say].concat();
    let on = [&set_up[..], &answer, &say, &[1, 1, 1, 4], &[9], &[6 + 128], &[8, 0], &[0, 0, 5, 1, 2, 3, 4]].concat();
    vec![whole, on]
}

/// Those of a target.
pub(super) fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "addresses" => texts(&["/sst@rook1abc/a%20b.nc.dods\nbytes=10-", "/sst.dds\nbytes=-5", "/x/y.svg\nbytes=1-2"]),
        "along" => {
            let version = VersionRoot([5; 32]);
            let groups = along::Asked::Groups { version, file: 0, variable: 1, first: 2, count: 3 };
            vec![
                codec::encode(&along::Asked::Manifest { version, from: 61_440 }),
                codec::encode(&groups),
                codec::encode(&along::Said::Bytes(vec![1, 2, 3])),
                codec::encode(&along::Said::Nothing("there is no such file".into())),
            ]
        }
        "brief" => briefs().iter().map(codec::encode).collect(),
        "card" => vec![codec::encode(&carded().0)],
        "catalog" => vec![catalog()],
        "cells" => cells(),
        "credential" => vec![carded().0.credential],
        "csv" => texts(&[
            "id;value;code\n1;2.5;007\n-2;;\"a; \"\"b\"\"\"\n",
            "name,large\nOslo,5000000000\nHamburg,1\n",
            "a\tb\n",
        ]),
        "dap" => texts(&[
            "0sst[0:1:2][1:3],town",
            "1dap4.ce=/sst[0:2][1];/town",
            "2",
            "3table.id,table.value&table.id>0&table.place=~\"O.*\"",
            "4",
            "5time,lat[1:2:3],one",
            "1dap4.ce=/lat[1:3]",
            "5",
        ]),
        "data" => data(),
        "exit_policy" => texts(&[
            "0reject *:25\naccept *:1-1024\naccept 9.9.9.0/24:*",
            "1accept 10.0.0.0/8:80\naccept [fd00::]/8:22",
        ]),
        "first_relays" => {
            let seed = Seed::of(&GridId::from_bytes([7; 32]), 1);
            vec![firsts::write(&Firsts::new(seed, [1, 2, 3].map(|number| NodeId::from_bytes([number; 32]))))]
        }
        "frames" => {
            let mut all = Vec::new();
            for frame in [&b"one"[..], b"", &[7; 300]] {
                futures::executor::block_on(write_frame(&mut all, frame)).unwrap();
            }
            vec![all]
        }
        "greeting" => {
            let hello = Greeting::hello(carded().0, Level::Normal);
            [hello, Greeting::Accepted(Seen { address: vec![4, 127, 0, 0, 1, 6, 27, 206] }), Greeting::refused("no")]
                .iter()
                .map(Greeting::encode)
                .collect()
        }
        "grid_file" => vec![grid_file::write(&Parameters::local()).into_bytes()],
        "head" => {
            let head = Head { name: "sst".parse().unwrap(), version: VersionRoot([9; 32]), length: 77 };
            let addresses = vec!["/ip4/127.0.0.1/udp/9/quic-v1".parse().unwrap()];
            vec![head.encode(), Note { pointer: pointer(), version: head.version, addresses }.encode()]
        }
        "identity" => vec![carded().0.identity],
        "identity_file" => carded().1,
        "ledger" => vec![ledger(), ledger()[41..].to_vec()],
        "manifest" => manifests(),
        "meeting" => vec![meeting()],
        "message" => messages(),
        "names" => texts(&[
            "0notes-2",
            "1notes.rook",
            "1notes.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.rook",
            "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "3sst.daily_v-2",
            &format!("4sst@{}", pointer()),
            &format!("5{}", pointer()),
            "6/data/a b.nc",
            "6s3://bucket/a/b.nc",
            "7/ip4/192.0.2.7/tcp/4001",
            "7/ip6/2001:db8::7/udp/4001/quic-v1",
        ]),
        "netcdf" => netcdfs(),
        "questions" => texts(&[
            r#"0{"location":"/data/sst.nc","label":"2026","serve":true,"without_roots":false}"#,
            r#"0{"location":"s3://bucket/a"}"#,
            "1days=3&half_life=30&priority=2&tunnel=true",
            "2tunnel=false",
            "3chunk=7&tunnel=true",
            "4seconds=600",
            "5location=/data/a%20b.nc",
            "6address=127.0.0.1:8080",
            "7groups=4",
            "8",
            "9version=00&file=0&variable=1&slab=0:2:1,3:4:5&skip=16",
        ]),
        "outboards" => {
            let outboard = Outboard::of(&Memory::of_bytes(&[5; 20_000]), 0).unwrap();
            let all = encode_outboards(&[vec![outboard.clone()], Vec::new()]);
            vec![outboard.to_bytes(), all[..all.len() - 32].to_vec(), all]
        }
        "payload" => [&b""[..], b"hello", &[1; MOST]]
            .map(|said| {
                let mut frame = vec![0; 2 + MOST];
                payload::write(Command::Marked, said, &mut frame).unwrap();
                frame
            })
            .into(),
        "proof" => vec![vec![4, 0b10110, 0], vec![3, 3, 0], vec![1, 1, 1, 0], vec![5, 0xff, 0], vec![2, 1, 0]],
        "record" => records().iter().map(|record| codec::encode(&WireRecord::from(record))).collect(),
        "requests" => texts(&[
            "GET /a?x>\"3\"&y<4 HTTP/1.1\r\nHost: <h>\r\n\r\n\r\nHEAD /b?<\" HTTP/1.1\nX: \"\n\n",
            "GET /c?> HTTP/1.1\r\nContent-Length: 3\r\n\r\n<\">GET /d?> HTTP/1.1\r\n\r\n",
        ]),
        "run_file" => {
            let set = |line: &str| match line.strip_prefix('#') {
                Some(key) if !key.starts_with(' ') => format!("{key}\n"),
                _ => String::new(),
            };
            let all: String = keys::template()
                .lines()
                .map(|line| if line.starts_with('[') { format!("{line}\n") } else { set(line) })
                .collect();
            vec![all.into_bytes(), b"quota = '1GiB' # little\n[limits]\nmax_connections = 1_000\n".to_vec()]
        }
        "saved" => saved(),
        "sealed" => vec![Vec::new(), vec![0, 5, 0, 0, 5, 0]],
        "socks" => vec![
            b"\x05\x01\x00\x05\x01\x00\x03\x0anotes.rook\x00\x50".to_vec(),
            b"\x05\x02\x02\x00\x05\x01\x00\x01\x09\x09\x09\x09\x01\xbb".to_vec(),
            [&b"\x05\x01\x00\x05\x02\x00\x04"[..], &[1; 18]].concat(),
        ],
        "talk" => talks(),
        "terms" => records().iter().map(|record| record.pointer().terms().to_bytes()).collect(),
        "units" => units(),
        other => panic!("there is no target {other}"),
    }
}
