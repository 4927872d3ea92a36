//! Does the time of an answer tell how much of a code was right?

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use otp_dev::stack::Part;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::fleet::UNLIMITED;
use super::statistics::Comparison;
use super::stopwatch::Stopwatch;
use crate::support::{System, VERIFICATIONS};

/// Samples of each class in the tests; `OTP_TEST_SAMPLES` asks for more.
const SAMPLES: usize = 150;
/// Classes: wrong codes of six digits that share 0 to 5 leading digits with the right one.
const CLASSES: usize = 6;
/// Wrong guesses at one code, so that the last one is never spent: locking is more work.
const GUESSES: usize = 9;
/// What a leak as it is planted below adds for each digit that is right: half of what an answer takes at all.
const LEAK: Duration = Duration::from_micros(250);

/// A wrong code that shares exactly so many leading digits with the right one.
fn guess(code: &str, shared: usize, random: &mut StdRng) -> String {
    let digit = |(place, right): (usize, char)| {
        let right = right.to_digit(10).expect("a digit");
        let next = match place.cmp(&shared) {
            std::cmp::Ordering::Less => right,
            std::cmp::Ordering::Equal => (right + random.random_range(1..10)) % 10,
            std::cmp::Ordering::Greater => random.random_range(0..10),
        };
        char::from_digit(next, 10).expect("a digit")
    };
    code.chars().enumerate().map(digit).collect()
}

async fn system() -> System {
    System::with(|options| {
        for (name, value) in UNLIMITED.iter().chain(&[("OTP_MAX_ATTEMPTS", "10")]) {
            options.caller.set(name, value);
        }
    })
    .await
}

/// The times of wrong guesses by class, as whoever stands at `at` sees them; `know` is told each right code before.
async fn sample(system: &System, at: SocketAddr, samples: usize, know: impl Fn(&str, &str)) -> [Vec<f64>; CLASSES] {
    let mut random = StdRng::seed_from_u64(super::setting("OTP_TEST_SEED", 4) as u64);
    let mut order: Vec<usize> = (0..CLASSES).flat_map(|class| std::iter::repeat_n(class, samples)).collect();
    order.shuffle(&mut random);
    let (mut stopwatch, mut times) = (Stopwatch::at(at).await, <[Vec<f64>; CLASSES]>::default());
    for (number, classes) in order.chunks(GUESSES).enumerate() {
        let address = format!("timing{number}@timing.test");
        let asked = system.api().accepted(&address).await;
        let code = system.inbox().code_for(&address).await;
        know(&asked.id, &code);
        let path = format!("{VERIFICATIONS}/{}/check", asked.id);
        // The first answer on a code is no sample: caches and connections may not have met it yet.
        for class in classes {
            let body = json!({"code": guess(&code, *class, &mut random)});
            let timed = stopwatch.post(&path, &body).await;
            assert_eq!(timed.status, 422, "{}", timed.body);
            if let Some(times) = times.get_mut(*class) {
                times.push(timed.micros);
            }
        }
    }
    times
}

/// Each class against the one of which nothing is right; whether any of them differs.
fn judge(times: &[Vec<f64>; CLASSES]) -> bool {
    let (none, rest) = times.split_first().expect("classes");
    let mut differs = false;
    for (shared, times) in (1..).zip(rest) {
        let comparison = Comparison::of(none, times);
        println!("0 digits right against {shared}: {comparison}");
        differs |= comparison.differs();
    }
    differs
}

#[tokio::test]
async fn the_time_of_an_answer_tells_nothing_of_the_code() {
    let system = system().await;
    let at = system.stack.address(Part::Gateway).expect("an address");
    let times = sample(&system, at, super::setting("OTP_TEST_SAMPLES", SAMPLES), |_, _| {}).await;
    assert!(!judge(&times), "answers to codes that are partly right take another time");
    system.stack.stop().await;
}

/// What the test above would miss it has to find here: a comparison that ends at the first wrong digit.
#[tokio::test]
async fn a_comparison_that_ends_early_is_found() {
    let system = system().await;
    let gateway = system.stack.address(Part::Gateway).expect("an address");
    let codes: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let (at, _leaking) = leaking(gateway, Arc::clone(&codes)).await;
    let times = sample(&system, at, SAMPLES, |id, code| {
        codes.lock().expect("codes").push((id.to_owned(), code.to_owned()));
    })
    .await;
    assert!(judge(&times), "a planted leak of {LEAK:?} for each digit is not seen");
    system.stack.stop().await;
}

/// A gateway before the gateway that knows the codes and compares them digit by digit, slowly.
async fn leaking(gateway: SocketAddr, codes: Arc<Mutex<Vec<(String, String)>>>) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut server = TcpStream::connect(gateway).await.expect("the gateway");
        client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).expect("no delay");
        let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            // The stopwatch writes a request at once and waits for its answer.
            tokio::select! {
                read = client.read(&mut request) => {
                    let read = read.unwrap_or(0);
                    if read == 0 {
                        return;
                    }
                    let text = String::from_utf8_lossy(request.get(..read).unwrap_or_default()).into_owned();
                    let right = digits_right(&text, &codes.lock().expect("codes"));
                    spin(LEAK * right);
                    server.write_all(text.as_bytes()).await.expect("written");
                }
                read = server.read(&mut answer) => {
                    let read = read.unwrap_or(0);
                    client.write_all(answer.get(..read).unwrap_or_default()).await.expect("written");
                }
            }
        }
    });
    (at, AbortOnDropHandle::new(serving))
}

fn digits_right(request: &str, codes: &[(String, String)]) -> u32 {
    let code = codes.iter().rev().find(|(id, _)| request.contains(id.as_str())).map(|(_, code)| code.as_str());
    let guess = request.rsplit_once("\"code\":\"").map(|(_, rest)| rest).unwrap_or_default();
    let shared = code.unwrap_or_default().bytes().zip(guess.bytes()).take_while(|(right, given)| right == given);
    u32::try_from(shared.count()).unwrap_or(0)
}

/// Takes so long, to the microsecond: timers are coarser.
fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}
