//! The invariants of `docs/ARCHITECTURE.md` that a search of the text can hold.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the repository.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

const SKIPPED_FOLDERS: [&str; 11] =
    [".git", "target", "node_modules", "dist", ".cache", ".tools", ".venv", "pkg", "vendor", "actual", "__pycache__"];
const TEXT_ENDINGS: [&str; 14] =
    ["rs", "toml", "js", "mjs", "css", "html", "json", "md", "sh", "py", "yml", "svg", "txt", "webmanifest"];

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(root, root, &mut found);
    assert!(found.len() > 50, "the search finds the repository");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            if !SKIPPED_FOLDERS.contains(&name) && relative != "www/models" {
                collect(root, &path, found);
            }
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| TEXT_ENDINGS.contains(&e))
            && !name.contains("lock")
            && let Ok(text) = fs::read_to_string(&path)
        {
            found.push(Source { path: relative, text });
        }
    }
}

/// Fails with every file below `place` that holds one of `words`, apart from those `allowed`, which may be folders.
#[track_caller]
fn check_absent(place: &str, ending: &str, words: &[&str], allowed: &[&str]) {
    let mut n_searched = 0;
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|s| s.path.starts_with(place) && s.path.ends_with(ending)) {
        n_searched += 1;
        for word in words.iter().filter(|word| source.text.contains(**word)) {
            let is_allowed =
                |place: &str| source.path == place || place.ends_with('/') && source.path.starts_with(place);
            if !allowed.iter().any(|place| is_allowed(place)) {
                breaches.push(format!("{} holds “{word}”", source.path));
            }
        }
    }
    assert!(n_searched > 0, "nothing was searched in {place}");
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn one_room_names_the_engine() {
    check_absent("src/", ".rs", &["tract_"], &["src/model.rs", "src/model/"]);
}

#[test]
fn one_file_names_the_browser() {
    check_absent("src/", ".rs", &["wasm_bindgen", "web_sys", "js_sys"], &["src/wasm.rs"]);
}

#[test]
fn the_core_does_no_input_or_output_and_reads_no_clock() {
    let words = ["fs::", "env::", "net::", "File::open", "Instant", "SystemTime", "print!", "println!", "eprintln!"];
    let mut breaches = Vec::new();
    for source in sources().iter().filter(|s| s.path.starts_with("src/") && !s.path.starts_with("src/bin/")) {
        // Documentation may print; code may not.
        let code = source.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            breaches.extend(words.iter().filter(|w| line.contains(**w)).map(|w| format!("{}: {w}", source.path)));
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn core_types_are_not_serialised() {
    let allowed = ["src/manifest.rs", "src/wasm.rs", "src/export/json.rs"];
    for source in sources().iter().filter(|s| s.path.starts_with("src/") && !s.path.starts_with("src/bin/")) {
        let serialises = source.text.contains("derive(") && source.text.contains("Serialize");
        assert!(!serialises || allowed.contains(&source.path.as_str()), "{} serialises", source.path);
    }
}

#[test]
fn no_file_holds_more_than_one_idea() {
    for source in sources() {
        let counted = [".rs", ".js", ".mjs", ".py"].iter().any(|ending| source.path.ends_with(ending));
        let n_lines = source.text.lines().count();
        assert!(!counted || n_lines <= 800, "{} has {n_lines} lines, 800 are the limit", source.path);
    }
}

#[test]
fn the_page_reads_nothing_back_and_writes_no_markup() {
    check_absent("www/", ".js", &["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function"], &[]);
    let measured =
        ["getBoundingClientRect", "offsetWidth", "offsetHeight", "clientWidth", "clientHeight", "getComputedStyle"];
    check_absent("www/render", ".js", &measured, &[]);
}

#[test]
fn an_update_and_all_that_it_imports_is_pure() {
    let words = [
        "document",
        "window.",
        "Date.now",
        "new Date",
        "performance.",
        "Math.random",
        "setTimeout",
        "localStorage",
        "navigator",
        "fetch(",
    ];
    let update = sources().into_iter().find(|source| source.path == "www/update.js").expect("it is there");
    let imported =
        update.text.lines().filter_map(|line| line.split_once("from './")?.1.split_once('\'').map(|(name, _)| name));
    let pure: Vec<String> = imported.chain(["update.js"]).map(|name| format!("www/{name}")).collect();
    assert!(pure.len() > 15, "{pure:?}");
    for source in sources().iter().filter(|source| pure.contains(&source.path)) {
        let code = source
            .text
            .lines()
            .filter(|line| !["//", "*", "/*"].iter().any(|start| line.trim_start().starts_with(start)));
        for line in code {
            let line = line.split(" // ").next().unwrap_or_default();
            let found = words.iter().find(|word| line.contains(**word));
            assert_eq!(found, None, "{}: {line}", source.path);
        }
    }
}

#[test]
fn the_page_reaches_outside_in_one_place_each() {
    check_absent("www/", ".js", &["new Worker("], &["www/worker-client.js"]);
    check_absent(
        "www/",
        ".js",
        &["fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon"],
        &["www/assets.js", "www/sw.js"],
    );
    // The page's policy does not bind the service worker: nothing in it may name a place.
    check_absent("www/sw.js", ".js", &["http:", "https:", "//cdn", "clients.openWindow"], &[]);
    check_absent("www/", ".css", &["@import", "http://", "https://"], &[]);
}

#[test]
fn the_runtime_knows_no_model_by_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifests = fs::read_dir(folder).expect("models").map(|entry| entry.expect("an entry").path());
    let names: Vec<String> = manifests
        .filter(|path| path.join("manifest.json").exists())
        .map(|path| format!("\"{}\"", path.file_name().expect("a name").to_string_lossy()))
        .collect();
    assert!(!names.is_empty());
    for source in sources().iter().filter(|s| s.path.starts_with("src/") && !s.path.starts_with("src/bin/")) {
        let code = source.text.split("#[cfg(test)]").next().expect("a first part");
        assert!(!names.iter().any(|name| code.contains(name)), "{} names a model", source.path);
    }
}

#[test]
fn the_policy_of_the_page_is_the_one_decided() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("www/index.html")).expect("the page");
    let policy = "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
        img-src 'self' blob: data:; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'";
    let element = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    assert!(page.contains(&element), "index.html holds exactly {element}");
    for inline in ["<style", " style=", " onclick=", " onload="] {
        assert!(!page.contains(inline), "the page holds “{inline}”, which the policy forbids");
    }
    // Where the page cannot run it tells how to serve it from this computer.
    let elsewhere = page.replace("http://localhost:8000", "");
    assert!(!elsewhere.contains("http://") && !elsewhere.contains("//cdn"), "the page names another host");
}

#[test]
fn nothing_names_a_machine() {
    let mut words = ["home", "root", "work"].map(|folder| format!("/{folder}/")).to_vec();
    words.push("C:\\Users".to_owned());
    for source in sources() {
        for word in &words {
            assert!(!source.text.contains(word), "{} holds “{word}”", source.path);
        }
    }
}

#[test]
fn the_changelog_knows_the_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).expect("a changelog");
    assert!(changelog.contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn every_decision_is_numbered_and_says_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions");
    let mut n_decisions = 0;
    for entry in fs::read_dir(folder).expect("decisions") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        assert!(name.len() > 5 && name[..4].bytes().all(|b| b.is_ascii_digit()), "{name} starts with four digits");
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.contains("## Decision") && text.contains("## Why"), "{name} says what was decided, and why");
        n_decisions += 1;
    }
    assert!(n_decisions > 0);
}
