# Martlet: build, demo, test, bench, soak, clean. `make help` says what each does.
SWIFT ?= swift
BINARY := $(CURDIR)/.build/release/martlet
MINUTES ?= 30

.PHONY: all build toolchain dependencies test-dependencies demo test twins bench soak clean help

all: build

build: toolchain dependencies ## build the release program, .build/release/martlet
	$(SWIFT) build -c release --product martlet

toolchain:
	@command -v $(SWIFT) >/dev/null || { echo "make: no swift in PATH: install the toolchain, 6.2 or newer, from https://www.swift.org/install" >&2; exit 1; }

dependencies:
	@scripts/install-dependencies

test-dependencies:
	@scripts/install-dependencies --test

demo: build ## real traffic through Martlet in namespaces, with a report
	@MARTLET_BINARY="$(BINARY)" scripts/demo

# Debug tests against the release program: namespace tests run it, and a test reads its disassembly. One test at a time:
# namespaces, cores and the clock are shared by all of them.
test: build test-dependencies ## all tests: unit, scenario and namespace
	@SWIFT="$(SWIFT)" MARTLET_BINARY="$(BINARY)" scripts/test

twins: build test-dependencies ## random rules and packets beside the kernel: CASES (5000) or MINUTES, from SEED (1)
	$(SWIFT) build -c release --product martlet-twins
	.build/release/martlet-twins --seed "$(or $(SEED),1)" --folder . $(if $(filter command line environment,$(origin MINUTES)),--minutes $(MINUTES),--cases $(or $(CASES),5000))

bench: build test-dependencies ## speed, as ratios against the kernel in the same run
	@MARTLET_BINARY="$(BINARY)" scripts/bench

soak: build test-dependencies ## mixed traffic for MINUTES (30), the books checked all along
	@MARTLET_BINARY="$(BINARY)" scripts/soak --minutes "$(MINUTES)"

clean: ## remove what was built
	$(SWIFT) package clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)
