# SPDX-License-Identifier: Apache-2.0
# A thin face over CMake and the scripts in tests/. `make help` lists what there is.

# Every Debian package that building, checking and the demo need.
packages = build-essential cmake ninja-build pkg-config \
	clang llvm libclang-rt-14-dev clang-format clang-tidy cppcheck shellcheck spin \
	bpftool libbpf-dev libelf-dev zlib1g-dev \
	libnl-3-dev libnl-genl-3-dev libnl-route-3-dev libnuma-dev libcgroup-dev \
	libconfig-dev libcmocka-dev libsystemd-dev libjansson-dev libsqlite3-dev \
	libcap-dev libcap2-bin libseccomp-dev libcurl4-openssl-dev \
	fio iperf3 iproute2 jq e2fsprogs util-linux procps \
	qemu-system-x86 busybox-static kmod xz-utils numactl

# Servers and other observers that bench-overhead measures. On a machine with systemd their packages start the servers, too.
bench_packages = nginx-light wrk memcached libmemcached-tools mariadb-server sysbench postgresql bpftrace linux-perf

preset ?= release
build = build/$(preset)
flyball = $(build)/daemon/flyball
# Root for what needs it: nothing when root already.
as_root = $(if $(filter 0,$(shell id -u)),,sudo)

.DEFAULT_GOAL := help
.PHONY: help deps build recommend demo check check-unit check-native check-vm check-long asan lint fmt bench bench-overhead install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

deps: ## install the Debian packages that are missing
	@tests/install-packages $(packages)

build: deps ## build into build/release (preset=asan, clang, no-bpf for another)
	@tests/quietly cmake --preset $(preset)
	@tests/quietly cmake --build $(build)

recommend: build ## look at this machine for 30 s and print a plan; writes nothing
	@$(as_root) $(flyball) recommend --for 30s --policies policies

demo: build ## a disk that needs tuning, tuned before your eyes; leaves nothing behind
	@tests/demo/run $(flyball)

check: build ## every test; those that this machine cannot run say why
	@$(as_root) ctest --test-dir $(build) --output-on-failure --label-exclude long --parallel 2

check-unit: build ## only the tests that touch nothing
	@ctest --test-dir $(build) --output-on-failure --label-regex unit

check-native: build ## only the tests on a real loop disk
	@$(as_root) ctest --test-dir $(build) --output-on-failure --label-regex native

check-vm: build ## only the tests in a software machine (QEMU; fetches a kernel once)
	@ctest --test-dir $(build) --output-on-failure --label-regex vm

check-long: build ## what `make check` leaves out; an hour
	@$(as_root) ctest --test-dir $(build) --output-on-failure --label-regex long

asan: ## the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory check-unit preset=asan

lint: build ## formatting, clang-tidy, cppcheck, shellcheck
	@tests/checks/lint $(build)

fmt: deps ## format every C file
	@git ls-files '*.c' '*.h' | xargs clang-format -i

bench: build ## the figures of docs/benchmarks.md, measured here (an hour; see tests/bench)
	@$(as_root) tests/bench/run $(flyball)

bench-overhead: build ## what looking costs six services, beside bpftrace and perf (two hours on a quiet machine)
	@tests/install-packages $(bench_packages)
	@$(as_root) tests/bench/overhead $(flyball)

install: build ## install under /usr/local
	@$(as_root) cmake --install $(build)

clean: ## remove what was built
	rm -rf build
