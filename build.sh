#!/usr/bin/env bash
# Everything that is done to this repository, one verb each: ./build.sh help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly WASM_TARGET=wasm32-unknown-unknown
readonly TOOLS=$PWD/.tools
export PATH="$TOOLS/bin:$PATH"

usage() {
  cat <<'TEXT'
Usage: ./build.sh VERB

  serve [PORT]  set up what is missing, build the page, serve it and print its address (port 8765)
  test          set up what is missing, run all tests: Rust, page modules, both browsers, training
  quick         the everyday loop: Rust unit tests and page modules, no browser
  setup         only set up what is missing for serve and test
  wasm          only build the page's two wasm modules, and copy models and packages to where it finds them
  check         formatting, lints, documentation, types, dependencies
  bench         the page's network times beside onnxruntime-web, and medbox bench
  dist          the folder (and zip) that any static server serves: dist/
  demos DATA    make www/demos again from a data folder (Python)
  train DATA [OPTION…]  from data to exported model (Python, PyTorch)
TEXT
}

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---------------------------------------------------------------------------------------------------------------- setup

# Installs Debian packages, saying so first.
apt_install() {
  have apt-get || die "these are missing: $*" "install them with your system's package manager and run this again"
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  say "installing Debian packages: $*"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

setup_base() {
  have cargo || die "Rust is missing" "install rustup from https://rustup.rs and run this again"
  local missing=()
  have cc || missing+=(gcc libc6-dev)
  have node || missing+=(nodejs)
  have npm || missing+=(npm)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# install_tool CRATE [CARGO_FLAG…]: with the dependencies that its authors locked, or, where a registry lacks one of those
# releases (a mirror that lags, a release that was yanked), with the newest that fit.
install_tool() {
  cargo install --quiet --locked --root "$TOOLS" "$@" || {
    say "the locked dependencies of $1 cannot be had: installing with the newest that fit"
    cargo install --quiet --root "$TOOLS" "$@"
  }
}

# Which toolchain can build for wasm: "rustup", or "debian" where rustup's server is out of reach.
wasm_toolchain() {
  if have rustup && rustup target list --installed 2>/dev/null | grep -qx "$WASM_TARGET"; then
    echo rustup
  elif [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && have_debian_rust; then
    echo debian
  else
    echo none
  fi
}

have_debian_rust() {
  local package
  for package in rustc-web cargo-web rust-web-src rust-web-llvm lld-22; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || return 1
  done
}

setup_wasm() {
  if [ "$(wasm_toolchain)" = none ]; then
    say "installing the Rust target $WASM_TARGET"
    if ! { have rustup && timeout 120 rustup target add "$WASM_TARGET"; }; then
      say "rustup's server cannot be reached: Debian's packaged Rust builds the wasm modules instead"
      apt_install rustc-web cargo-web rust-web-src rust-web-llvm lld-22
    fi
  fi
  local version
  version=$(sed -n 's/^wasm-bindgen = "=\(.*\)"$/\1/p' Cargo.toml)
  if [ "$(wasm-bindgen --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    say "installing wasm-bindgen-cli $version into .tools (about three minutes)"
    install_tool wasm-bindgen-cli --version "$version"
  fi
  have libdeflate-gzip || apt_install libdeflate-tools # its gzip is 4 % smaller than gzip's own
}

setup_npm() {
  if ! cmp -s package-lock.json node_modules/.installed-lock; then
    say "installing the npm packages of package-lock.json (for checks and browser tests, and what the page uses)"
    npm ci --silent --no-audit --no-fund --ignore-scripts
    cp package-lock.json node_modules/.installed-lock
  fi
  node tools/vendor.mjs
}

# www/vendor: what the page itself uses of npm, a fraction of what its tests use.
build_vendor() {
  node tools/vendor.mjs --check && return
  say "installing the npm packages that the page uses"
  npm ci --silent --no-audit --no-fund --ignore-scripts --omit=dev
  node tools/vendor.mjs
}

setup_browsers() {
  node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 14) ? 0 : 1)' ||
    die "Node.js $(node --version) cannot drive the browsers of the tests" "install Node.js 20.14 or later, for example from https://nodejs.org"
  local missing=()
  have chromium || missing+=(chromium)
  have firefox-esr || missing+=(firefox-esr)
  [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

# ---------------------------------------------------------------------------------------------------------------- build

# build_module NAME FEATURES [CARGO_FLAG…]: target/wasm-NAME/out/medbox{.js,_bg.wasm}
build_module() {
  local name=$1 features=$2 dir=target/wasm-$1
  shift 2
  # A cdylib and nothing else: with an rlib beside it, cargo leaves out link-time optimisation.
  local args=(rustc "$@" --lib --crate-type cdylib --no-default-features --profile wasm --locked
    --target "$WASM_TARGET" --target-dir "$dir" -- -A unreachable_pub) # of the exports: nothing links to this form
  if [ "$(wasm_toolchain)" = rustup ]; then
    RUSTFLAGS="-C target-feature=$features" cargo "${args[@]}"
  else
    # Debian packages the standard library's source but no compiled one for wasm, so it is built along; -Zbuild-std is
    # still called unstable, which RUSTC_BOOTSTRAP allows.
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTFLAGS="-C target-feature=$features" \
      /usr/bin/cargo -Zbuild-std=std,panic_abort "${args[@]}"
  fi
  wasm-bindgen --target web --no-typescript --remove-name-section --remove-producers-section \
    --out-dir "$dir/out" --out-name medbox "$dir/$WASM_TARGET/wasm/medbox.wasm"
}

build_wasm() {
  local inputs stamp
  inputs=$(cat Cargo.toml Cargo.lock build.sh $(find src -name '*.rs' -not -path 'src/bin/*' | sort) | sha256sum)
  stamp=www/pkg/.inputs
  if [ "$(cat "$stamp" 2>/dev/null)" != "$inputs" ]; then
    say "building the wasm modules with $(wasm_toolchain)'s Rust (the first time: some minutes)"
    # Side by side, because each leaves a core idle for long: tract's largest crate and the final link are one thread.
    # Ctrl+C does not reach jobs in the background by itself.
    trap 'kill 0' INT
    local relaxed simd broken=0
    build_module simd +simd128 --quiet & simd=$!
    build_module relaxed +simd128,+relaxed-simd & relaxed=$!
    wait "$relaxed" || broken=1
    wait "$simd" || broken=1
    [ $broken = 0 ] || die "the wasm modules could not be built" "see the compiler's messages above"
    rm -rf www/pkg && mkdir -p www/pkg
    cmp -s target/wasm-{relaxed,simd}/out/medbox.js || die "the two builds have different JavaScript" "report this"
    cp target/wasm-relaxed/out/medbox.js www/pkg/
    local name
    for name in relaxed simd; do libdeflate-gzip -12 -c "target/wasm-$name/out/medbox_bg.wasm" >"www/pkg/medbox_$name.wasm.gz"; done
    printf '%s\n' "$inputs" >"$stamp"
  fi
  node tools/models.mjs
}

build_cli() { cargo build --quiet --release --locked --bin medbox; }

# ---------------------------------------------------------------------------------------------------------------- verbs

verb_setup() { setup_base; setup_wasm; setup_npm; setup_browsers; }
verb_wasm() { setup_base; setup_wasm; build_wasm; build_vendor; node tools/precache.mjs www; }

verb_serve() {
  verb_wasm
  exec node tools/serve.mjs www "${1:-8765}"
}

# step NAME COMMAND…: runs one part of the tests, keeps its output, and goes on when it fails.
passed=0 failed=0
step() {
  local name=$1 log counts
  shift
  say "== $name"
  log=$(mktemp)
  if "$@" 2>&1 | tee "$log"; then
    local broken=0
  else
    local broken=1
    say "FAILED: $name"
  fi
  # cargo: "N passed; M failed", node: "# pass N" and "# fail M", pytest: "N passed", "M failed". A step that counts
  # nothing is one test.
  counts=$(sed -E 's/\x1b\[[0-9;]*m//g' "$log" | awk '
    match($0, /[0-9]+ passed/) { p += substr($0, RSTART) + 0 }
    match($0, /[0-9]+ failed/) { f += substr($0, RSTART) + 0 }
    /^(#|ℹ) pass [0-9]+$/ { p += $3 } /^(#|ℹ) fail [0-9]+$/ { f += $3 }
    END { print p + 0, f + 0 }')
  [ "$counts" != '0 0' ] || counts="$((1 - broken)) $broken"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  # Broken without a failed test: it did not come to its end.
  [ $broken = 0 ] || [ "${counts#* }" != 0 ] || failed=$((failed + 1))
  rm -f "$log"
}

# A test that fails leaves its server open, which would keep node for ever.
browser_step() { step "$1" node --test-force-exit "$2"; }

verb_quick() {
  setup_base; setup_npm
  step "Rust: unit tests" cargo test --quiet --release --locked --lib
  step "page modules" node --test tests/www/*.test.js
  finish
}

verb_test() {
  verb_setup
  step "Rust" cargo test --quiet --release --locked
  step "wasm modules" ./build.sh wasm
  build_cli
  step "page: types" npm run --silent check
  step "page modules" node --test tests/www/*.test.js
  browser_step "page in Chromium" tests/e2e/chromium.mjs
  browser_step "how pictures are opened, in Chromium" tests/e2e/open.mjs
  browser_step "how pictures are shown, in Chromium" tests/e2e/view.mjs
  browser_step "what moving a large picture costs, in Chromium" tests/e2e/pan.mjs
  browser_step "how work is spread, in Chromium" tests/e2e/pool.mjs
  browser_step "page in Firefox" tests/e2e/firefox.mjs
  local python
  python=$(training_python)
  if "$python" -c 'import torch, cv2, pytest' 2>/dev/null; then
    step "training" "$python" -m pytest -q training/tests
  else
    say "skipped: the tests of training/ (PyTorch, OpenCV or pytest is not installed; see training/README.md)"
  fi
  finish
}

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}

training_python() { if [ -x .venv/bin/python ]; then echo .venv/bin/python; else echo python3; fi; }

verb_check() {
  setup_base; setup_npm
  cargo fmt --check
  cargo clippy --quiet --release --locked --all-targets -- -D warnings
  RUSTDOCFLAGS="-D warnings" cargo doc --quiet --release --locked --no-deps
  npm run --silent check
  node tools/third-party.mjs --check
  if ! have cargo-deny; then
    say "installing cargo-deny into .tools (some minutes)"
    install_tool cargo-deny
  fi
  cargo deny --log-level error check licenses bans sources
  cargo deny --log-level error check advisories || say "notice: advisories were not checked or not clean (see above)"
  say "check: clean"
}

verb_bench() {
  verb_wasm; setup_npm; setup_browsers; build_cli
  node tests/bench/browser.mjs
  target/release/medbox bench
}

verb_dist() {
  verb_wasm
  have zip || apt_install zip
  node tools/dist.mjs
  rm -f dist/medbox.zip
  (cd dist && zip -q -r medbox.zip medbox)
  say "dist/medbox.zip: $(stat -c %s dist/medbox.zip) bytes"
}

verb_demos() {
  [ $# = 1 ] || die "demos needs the data folder" "./build.sh demos DATA"
  "$(training_python)" -m training.make_demos "$1"
}

verb_train() {
  [ $# -ge 1 ] || die "train needs the data folder" "./build.sh train DATA"
  "$(training_python)" -m training.make_model "$@"
}

verb=${1:-help}
[ $# = 0 ] || shift
case $verb in
  setup | wasm | serve | quick | test | check | bench | dist | demos | train) "verb_$verb" "$@" ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
