use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use otp_nats::keys::KeyList;

use super::*;

fn contents(dir: &Path) -> BTreeMap<PathBuf, String> {
    let files = PURPOSES
        .into_iter()
        .map(|(_name, folder, _holders)| dir.join(folder))
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()));
    files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_line_is_a_key_list_of_its_own() {
    let (first, second) = (fresh_set().unwrap(), fresh_set().unwrap());
    assert_ne!(first.as_str(), second.as_str());
    for (name, _folder, _holders) in PURPOSES {
        let line = first.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        line.parse::<KeyList>().unwrap();
    }
}

#[test]
fn each_purpose_gets_a_file_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let said = write_missing(dir.path()).unwrap();
    let contents = contents(dir.path());
    assert_eq!(contents.len(), PURPOSES.len(), "and no draft stays: {contents:?}");
    for (name, folder, _holders) in PURPOSES {
        let path = dir.path().join(folder).join(FILE);
        assert_eq!((mode(&dir.path().join(folder)), mode(&path)), (0o700, 0o400));
        contents[&path].trim().parse::<KeyList>().unwrap();
        assert!(said.contains(&format!("{name} written: {}\n", path.display())), "{said}");
    }
    let different: std::collections::BTreeSet<&String> = contents.values().collect();
    assert_eq!(different.len(), PURPOSES.len());
    assert!(contents.values().all(|key| !said.contains(key.trim())), "a key is never said");
}

#[test]
fn what_is_there_stays_and_what_lacks_is_added() {
    let dir = tempfile::tempdir().unwrap();
    write_missing(dir.path()).unwrap();
    let first = contents(dir.path());
    fs::remove_file(dir.path().join("hash").join(FILE)).unwrap();
    let said = write_missing(dir.path()).unwrap();
    let second = contents(dir.path());
    assert_eq!(said.matches("_KEYS kept: ").count(), 3, "{said}");
    assert!(said.contains("OTP_HASH_KEYS written: "), "{said}");
    for (path, key) in &second {
        assert_eq!(first[path] == *key, !path.starts_with(dir.path().join("hash")), "{}", path.display());
    }
}

#[test]
fn a_name_that_is_taken_meanwhile_wins() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    fs::write(&path, "theirs").unwrap();
    assert!(!write_new(&path, "ours").unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays");
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("seal"), "a file").unwrap();
    let said = write_missing(dir.path()).unwrap_err().to_string();
    assert!(said.contains("seal") && said.contains("cannot be written"), "{said}");
}
