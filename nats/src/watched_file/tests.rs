use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::*;

fn numbers(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    (1..)
        .zip(text.lines())
        .map(|(number, line)| line.parse().map_err(|_| format!("line {number} is no number")))
        .collect()
}

fn opened(content: &str) -> (TempDir, PathBuf, WatchedFile<Vec<u32>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers");
    fs::write(&path, content).unwrap();
    let file = WatchedFile::open("NUMBERS", &path, numbers).unwrap();
    (folder, path, file)
}

fn replace(path: &Path, content: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, content).unwrap();
    fs::rename(&draft, path).unwrap();
}

#[test]
fn a_change_is_in_force_once_it_has_settled() {
    let (_folder, path, file) = opened("1\n2\n");
    assert_eq!(*file.current(), [1, 2]);
    assert_eq!((file.look(), file.look()), (Look::Nothing, Look::Nothing));
    let held = file.current();
    replace(&path, "3\n4\n");
    assert_eq!(file.look(), Look::Nothing, "it may still be written");
    assert_eq!(*file.current(), [1, 2]);
    assert_eq!(file.look(), Look::Good);
    assert_eq!((&*file.current(), &*held), (&vec![3, 4], &vec![1, 2]));
    assert_eq!(file.look(), Look::Nothing, "once is enough");
}

#[test]
fn a_file_that_grows_is_left_alone_until_it_stands_still() {
    let (_folder, path, file) = opened("1\n");
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    for number in 2..6 {
        writeln!(writer, "{number}").unwrap();
        assert_eq!(file.look(), Look::Nothing, "{number}");
    }
    assert_eq!(file.look(), Look::Good);
    assert_eq!(*file.current(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_bad_file_leaves_the_old_in_force_and_is_told_once() {
    let (_folder, path, file) = opened("1\n");
    replace(&path, "2\nx\n");
    assert_eq!(file.look(), Look::Nothing);
    assert_eq!(file.look(), Look::Bad(FileFault::Malformed("line 2 is no number".to_owned())));
    assert_eq!(file.look(), Look::Nothing);
    assert_eq!(*file.current(), [1]);
    replace(&path, "3\n");
    assert_eq!((file.look(), file.look()), (Look::Nothing, Look::Good));
    assert_eq!(*file.current(), [3]);
}

#[test]
fn a_file_that_vanishes_leaves_the_old_in_force_and_one_that_comes_back_counts() {
    let (_folder, path, file) = opened("1\n");
    let away = path.with_extension("away");
    fs::rename(&path, &away).unwrap();
    assert_eq!(file.look(), Look::Nothing);
    assert_eq!(file.look(), Look::Bad(FileFault::Unreadable(io::ErrorKind::NotFound)));
    assert_eq!(file.look(), Look::Nothing);
    fs::rename(&away, &path).unwrap();
    assert_eq!((file.look(), file.look()), (Look::Nothing, Look::Good));
    assert_eq!(*file.current(), [1]);
}

#[test]
fn the_same_length_and_time_hide_no_change() {
    let (_folder, path, file) = opened("1\n");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    writer.write_all(b"2\n").unwrap();
    writer.set_modified(modified).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
    assert_eq!((file.look(), file.look()), (Look::Nothing, Look::Good));
    assert_eq!(*file.current(), [2]);
}

#[test]
fn links_are_followed_as_orchestrators_replace_them() {
    let (folder, path, _file) = opened("1\n");
    let (link, second) = (folder.path().join("link"), folder.path().join("second"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let file = WatchedFile::open("NUMBERS", &link, numbers).unwrap();
    fs::write(&second, "2\n").unwrap();
    let draft = folder.path().join("link-draft");
    std::os::unix::fs::symlink(&second, &draft).unwrap();
    fs::rename(&draft, &link).unwrap();
    assert_eq!((file.look(), file.look()), (Look::Nothing, Look::Good));
    assert_eq!(*file.current(), [2]);
}

#[test]
fn what_cannot_be_read_at_first_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers");
    let opening = || WatchedFile::open("NUMBERS", &path, numbers).map(drop);
    assert_eq!(opening(), Err(FileFault::Unreadable(io::ErrorKind::NotFound)));
    fs::write(&path, "x").unwrap();
    assert_eq!(opening(), Err(FileFault::Malformed("line 1 is no number".to_owned())));
    // A sparse file costs nothing on disk.
    File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
    assert_eq!(opening(), Err(FileFault::TooLarge));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(opening(), Err(FileFault::Unreadable(io::ErrorKind::IsADirectory)));
}

/// The real watcher: it takes a change up by itself, counts good and bad ones, and ends.
#[tokio::test]
async fn the_watcher_reloads_counts_and_ends() {
    let (_folder, path, file) = opened("1\n");
    let mut registry = Registry::default();
    let stop = CancellationToken::new();
    let watching = tokio::spawn(file.clone().watch(FileMetrics::new(&mut registry), stop.clone()));
    let counted = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    };
    let mut changes = file.0.in_force.subscribe();
    replace(&path, "2\n");
    tokio::time::timeout(Duration::from_secs(60), changes.changed()).await.unwrap().unwrap();
    assert_eq!(*file.current(), [2]);
    replace(&path, "x\n");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !counted().contains("otp_file_reloads_total{file=\"NUMBERS\",outcome=\"bad\"} 1") {
        assert!(tokio::time::Instant::now() < deadline, "{}", counted());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(counted().contains("otp_file_reloads_total{file=\"NUMBERS\",outcome=\"good\"} 1"), "{}", counted());
    assert!(counted().contains("otp_file_faulty{file=\"NUMBERS\"} 1"), "{}", counted());
    assert_eq!(*file.current(), [2]);
    stop.cancel();
    watching.await.unwrap();
}
