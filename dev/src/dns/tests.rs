//! The zone over real sockets, with messages built by hand.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::MX;
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{SLOW, Zone};

const DEADLINE: Duration = Duration::from_secs(10);

struct Running {
    addr: SocketAddr,
    queries: std::sync::Arc<std::sync::atomic::AtomicU64>,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn start() -> Self {
        let zone = Zone::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let shutdown = CancellationToken::new();
        let (addr, queries) = (zone.addr(), zone.queries());
        let task = tokio::spawn(zone.run(shutdown.clone()));
        Self { addr, queries, shutdown, task }
    }

    async fn udp(&self, question: &Message) -> Message {
        let socket = self.ask_udp(question).await;
        let mut answer = vec![0; 4096];
        let length = timeout(DEADLINE, socket.recv(&mut answer)).await.expect("an answer in time").unwrap();
        Message::from_vec(&answer[..length]).unwrap()
    }

    async fn ask_udp(&self, question: &Message) -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.connect(self.addr).await.unwrap();
        socket.send(&question.to_vec().unwrap()).await.unwrap();
        socket
    }

    async fn tcp(&self, question: &Message) -> Message {
        let asked = async {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            let question = question.to_vec().unwrap();
            stream.write_u16(question.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&question).await.unwrap();
            let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut answer).await.unwrap();
            Message::from_vec(&answer).unwrap()
        };
        timeout(DEADLINE, asked).await.expect("an answer in time")
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.task).await.expect("it ends when told").unwrap().unwrap();
    }
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn mx(preference: u16, exchanger: &str) -> RData {
    RData::MX(MX::new(preference, Name::from_ascii(exchanger).unwrap()))
}

#[tokio::test]
async fn each_name_and_type_gets_its_answer_over_udp_and_tcp() {
    let v4 = || Some(RData::A(Ipv4Addr::LOCALHOST.into()));
    let v6 = || Some(RData::AAAA(Ipv6Addr::LOCALHOST.into()));
    let (ok, nxdomain, servfail) = (ResponseCode::NoError, ResponseCode::NXDomain, ResponseCode::ServFail);
    let cases = [
        ("example.com.", RecordType::MX, ok, Some(mx(10, "mx.example.com."))),
        ("mx.example.com.", RecordType::A, ok, v4()),
        ("mx.example.com.", RecordType::AAAA, ok, v6()),
        ("example.com.", RecordType::A, ok, v4()),
        ("example.com.", RecordType::TXT, ok, None),
        ("xn--bcher-kva.example.", RecordType::MX, ok, Some(mx(10, "mx.xn--bcher-kva.example."))),
        ("nxdomain.test.", RecordType::MX, nxdomain, None),
        ("a.b.nxdomain.test.", RecordType::A, nxdomain, None),
        ("nullmx.test.", RecordType::MX, ok, Some(mx(0, "."))),
        ("nullmx.test.", RecordType::A, ok, v4()),
        ("nomx.test.", RecordType::MX, ok, None),
        ("nomx.test.", RecordType::A, ok, v4()),
        ("noaddress.test.", RecordType::MX, ok, None),
        ("noaddress.test.", RecordType::A, ok, None),
        ("noaddress.test.", RecordType::AAAA, ok, None),
        ("one.noaddress.test.", RecordType::A, ok, None),
        ("servfail.test.", RecordType::MX, servfail, None),
        ("notnxdomain.test.", RecordType::MX, ok, Some(mx(10, "mx.notnxdomain.test."))),
        ("nxdomain.test.example.", RecordType::A, ok, v4()),
    ];
    let zone = Running::start().await;
    for (name, kind, code, data) in cases {
        let asked = question(name, kind);
        for answer in [zone.udp(&asked).await, zone.tcp(&asked).await] {
            let case = format!("{name} {kind}: {answer}");
            assert_eq!(answer.metadata.id, asked.metadata.id, "{case}");
            assert_eq!(answer.metadata.response_code, code, "{case}");
            assert!(answer.metadata.authoritative, "{case}");
            assert_eq!(answer.queries, asked.queries, "{case}");
            let answered: Vec<&RData> = answer.answers.iter().map(|record| &record.data).collect();
            assert_eq!(answered, data.iter().collect::<Vec<_>>(), "{case}");
            assert!(answer.answers.iter().all(|record| record.ttl == 60), "{case}");
            let absent = data.is_none() && code != servfail;
            assert_eq!(answer.authorities.len(), usize::from(absent), "{case}");
            for record in &answer.authorities {
                let RData::SOA(soa) = &record.data else { panic!("{case}") };
                assert_eq!((record.ttl, soa.minimum), (30, 30), "{case}");
                assert!(record.name.zone_of(&asked.queries[0].name), "{case}");
            }
        }
    }
    zone.stop().await;
}

#[tokio::test]
async fn case_does_not_matter_and_comes_back_as_asked() {
    let zone = Running::start().await;
    let answer = zone.udp(&question("Some.NxDomain.TEST.", RecordType::MX)).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    let answer = zone.udp(&question("ExAmPle.Com.", RecordType::MX)).await;
    assert_eq!(answer.queries[0].name.to_ascii(), "ExAmPle.Com.");
    assert_eq!(answer.answers[0].name.to_ascii(), "ExAmPle.Com.");
    zone.stop().await;
}

#[tokio::test]
async fn an_edns_question_gets_an_edns_answer() {
    let zone = Running::start().await;
    let mut asked = question("example.com.", RecordType::MX);
    assert!(zone.udp(&asked).await.edns.is_none());
    asked.set_edns(Edns::new());
    assert_eq!(zone.udp(&asked).await.edns.unwrap().max_payload(), super::UDP_OCTETS_MAX);
    zone.stop().await;
}

#[tokio::test]
async fn what_is_no_query_is_refused_by_name() {
    let zone = Running::start().await;
    let mut notify = question("example.com.", RecordType::MX);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(zone.udp(&notify).await.metadata.response_code, ResponseCode::NotImp);
    zone.stop().await;
}

#[tokio::test]
async fn a_slow_name_is_answered_late_and_holds_nobody_up() {
    let zone = Running::start().await;
    let asked = Instant::now();
    let slow = question("one.slow.test.", RecordType::MX);
    let other = question("example.com.", RecordType::MX);
    let (slow_after, other_after) = tokio::join!(
        async {
            let answer = zone.udp(&slow).await;
            assert_eq!(answer.answers[0].data, mx(10, "mx.one.slow.test."));
            asked.elapsed()
        },
        async {
            zone.udp(&other).await;
            asked.elapsed()
        },
    );
    assert!(slow_after >= SLOW, "{slow_after:?}");
    assert!(other_after < slow_after, "{other_after:?} {slow_after:?}");
    zone.stop().await;
}

#[tokio::test]
async fn a_name_that_times_out_is_counted_and_never_answered() {
    let zone = Running::start().await;
    let socket = zone.ask_udp(&question("one.timeout.test.", RecordType::MX)).await;
    let asked = Instant::now();
    while zone.queries.load(Ordering::Relaxed) == 0 {
        assert!(asked.elapsed() < DEADLINE, "the question was not counted");
        tokio::task::yield_now().await;
    }
    zone.udp(&question("example.com.", RecordType::MX)).await;
    let mut answer = [0; 512];
    let answered = timeout(Duration::from_millis(200), socket.recv(&mut answer)).await;
    assert!(answered.is_err(), "{answered:?}");
    zone.stop().await;
}

#[tokio::test]
async fn queries_are_counted() {
    let zone = Running::start().await;
    for _ in 0..3 {
        zone.udp(&question("example.com.", RecordType::MX)).await;
        zone.tcp(&question("example.com.", RecordType::A)).await;
    }
    assert_eq!(zone.queries.load(Ordering::Relaxed), 6);
    zone.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let zone = Running::start().await;
    let error = Zone::bind(zone.addr).await.unwrap_err();
    assert!(format!("{error:#}").contains(&zone.addr.to_string()), "{error:#}");
    zone.stop().await;
}
