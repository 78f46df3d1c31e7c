# Bramble. `make demo` and `make test` do all set-up on a fresh Debian 12; `make help` lists the rest.
#
#   CC=clang            another compiler (its own build folder)
#   SAN=address,undefined   with these sanitizers and what tests alone may do (its own build folder); `make test` uses them by default
#   PREFIX=/usr DESTDIR=    for install

.DEFAULT_GOAL := all
SHELL := /bin/bash
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
SAN ?=
PREFIX ?= /usr/local
DESTDIR ?=
comma := ,

# Traces need lines, no more: what debuggers want besides costs a quarter of the compiler's time.
FOR_TESTS := SAN=address,undefined CFLAGS="-O1 -g1"
FOR_FUZZING := CC=clang $(FOR_TESTS) FUZZING=1

VARIANT := $(notdir $(CC))$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(FUZZING),-fuzz)
OUT := build/$(VARIANT)
BIN := $(if $(filter gcc,$(VARIANT)),build/bin,$(OUT)/bin)

PACKAGES := gcc make pkg-config libevent-dev libssl-dev zlib1g-dev libxml2-dev libsqlite3-dev libjansson-dev uthash-dev \
	libhttp-parser-dev libosip2-dev libkrb5-dev gss-ntlmssp libcurl4-openssl-dev libpq-dev libseccomp-dev
TEST_PACKAGES := mold libcmocka-dev libpurple-dev libpurple0 pidgin-sipe libglib2.0-dev python3 iproute2 openssl tcpdump curl \
	krb5-kdc krb5-admin-server krb5-user kamailio kamailio-tls-modules haproxy postgresql-15 systemd python3-yaml
# What Bramble is compared with; their packages' services are stopped again.
BENCH_PACKAGES := haproxy mosquitto prosody ejabberd postgresql-15 valgrind
CHECK_PACKAGES := clang clang-tidy cppcheck

LIBRARIES := libevent_core libssl libcrypto zlib libxml-2.0 sqlite3 jansson libosip2 krb5-gssapi krb5 libcurl libpq libseccomp
LIBRARY_CFLAGS := $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
# Debian's package of it has no .pc file.
HTTP_PARSER := -lhttp_parser
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla \
	-Wpointer-arith -Wcast-qual -Wundef
CONTROL_FLOW := $(if $(filter x86_64,$(shell uname -m)),-fcf-protection=full)
HARDEN_ALWAYS := -fstack-protector-strong -fstack-clash-protection $(CONTROL_FLOW) -fPIE
HARDEN_PLAIN := $(HARDEN_ALWAYS) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
HARDEN := $(if $(SAN),$(HARDEN_ALWAYS),$(HARDEN_PLAIN))
HARDEN_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
# Two hundred test programs are linked anew whenever an archive changes: by mold, which takes a fifth of the time. What is shipped is linked by ld.
LINKER := $(if $(SAN),$(if $(shell command -v mold),-fuse-ld=mold))
# gcc's second runtime as a library keeps a depot of stacks of its own, six megabytes that the search for leaks reads at every end: a fifth of what a
# short process takes. Clang has one runtime.
SAN_LINK := $(if $(SAN),-fsanitize=$(SAN) $(if $(findstring gcc,$(VARIANT)),-static-libubsan))
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) $(HARDEN) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) \
	$(if $(FUZZING),-fsanitize=fuzzer-no-link) $(if $(SAN),-DBRAMBLE_DEATHS) \
	-I. -I$(OUT) $(LIBRARY_CFLAGS) -DBRAMBLE_VERSION='"$(VERSION)"' -MMD -MP
ALL_LDFLAGS = $(LDFLAGS) $(LINKER) $(HARDEN_LINK) -Wl,--as-needed $(SAN_LINK)
VERSION := 0.1

# --- what is built from what -------------------------------------------------------------------------------------------
# Every folder is one archive; main.c stays out of it, so that tests can link what a program is made of.
FOLDERS := base protocol db router dispatcher collab simulator admin
# For fuzzing only what a target reaches is compiled: half of all. A target that reaches further does not link.
FUZZED := base/% protocol/% $(wildcard simulator/*.c) simulator/groupwise/% simulator/ocs/% simulator/load/% simulator/scenario/% \
	collab/cwa_% db/arena.c db/secret.c db/verb.c router/identities.c admin/check_entry.c
sources = $(filter $(if $(FUZZING),$(FUZZED),%),$(filter-out %/main.c,$(wildcard $(1)/*.c $(1)/*/*.c)))
objects = $(patsubst %.c,$(OUT)/%.o,$(1))
$(foreach f,$(FOLDERS),$(eval $(f)_OBJ := $(call objects,$(call sources,$(f)))))
db_OBJ += $(OUT)/db/migrations_list.o
archive = $(OUT)/lib$(1).a

# What each program may use, in link order: the router has no database, the simulator neither daemons nor database.
router_USES := router protocol base
dispatcher_USES := dispatcher db protocol base
collab_USES := collab db protocol base
simulator_USES := simulator protocol base
admin_USES := admin db protocol base
router_LIBS := libevent_core libssl libcrypto jansson libseccomp
dispatcher_LIBS := $(router_LIBS) zlib sqlite3 libpq
collab_LIBS := $(router_LIBS) zlib sqlite3 libpq libxml-2.0 libcurl krb5-gssapi krb5
simulator_LIBS := $(router_LIBS) zlib libxml-2.0 libosip2 krb5-gssapi
simulator_MORE := $(HTTP_PARSER) -lm
admin_LIBS := $(router_LIBS) zlib sqlite3 libpq libxml-2.0 libosip2
router_PROGRAM := bramble-router
dispatcher_PROGRAM := bramble-dispatcher
collab_PROGRAM := bramble-collab
simulator_PROGRAM := bramble-sim
admin_PROGRAM := bramble
PROGRAM_FOLDERS := $(foreach f,router dispatcher collab simulator admin,$(if $(wildcard $(f)/main.c),$(f)))
PROGRAMS := $(foreach f,$(PROGRAM_FOLDERS),$(BIN)/$($(f)_PROGRAM))

TEST_SOURCES := $(wildcard tests/unit/test_*.c tests/vectors/test_*.c tests/flow/test_*.c)
TESTS := $(patsubst tests/%.c,$(OUT)/tests/%,$(TEST_SOURCES))
TEST_HELPERS := $(call objects,$(wildcard tests/support/*.c))
FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS := $(FUZZ_NAMES:%=$(OUT)/tests/replay/%)
INTEROP := $(patsubst tests/interop/%.c,$(OUT)/tests/interop/%,$(wildcard tests/interop/*.c))
PRELOADS := $(patsubst tests/process/%.c,$(OUT)/tests/process/%.so,$(wildcard tests/process/*.c))
CONFINED := $(OUT)/tests/process/confined
INTEROP_PRELOADS := $(patsubst tests/interop/preload/%.c,$(OUT)/tests/interop/%.so,$(wildcard tests/interop/preload/*.c))
SIMULATION := $(OUT)/tests/simulation/simulate
PLAIN_SIMULATION := build/gcc/tests/simulation/simulate
BENCHES := $(patsubst tests/bench/%.c,$(OUT)/tests/bench/%,$(wildcard tests/bench/*.c))
BENCH_HELPERS := $(call objects,$(wildcard tests/bench/support/*.c))

.PHONY: all help deps test-deps check-deps demo test test-programs test-build compiled scenarios soak check fuzz fuzzers fuzz-run bench bench-check bench-accept bench-build bench-deps tidy cppcheck install clean docs
.SECONDARY:

all: $(PROGRAMS)   ## build the five programs into build/bin

help:              ## list these words
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@
# What tests themselves do takes no time, compiling it does.
$(if $(SAN),$(eval $(OUT)/tests/%.o: override CFLAGS += -O0))

define folder_rules
$(call archive,$(1)): $$($(1)_OBJ)
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(if $$^,ar rcs $$@ $$^,ar rcs $$@)
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

define program_rules
$(BIN)/$($(1)_PROGRAM): $(OUT)/$(1)/main.o $(foreach u,$($(1)_USES),$(call archive,$(u)))
	@mkdir -p $$(@D)
	$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(shell pkg-config --libs $($(1)_LIBS)) $($(1)_MORE) -lpthread
endef
$(foreach f,$(PROGRAM_FOLDERS),$(eval $(call program_rules,$(f))))

# The numbered migration files become one C table, so that a program carries its schema with it.
$(OUT)/db/migrations_list.c: $(wildcard db/migrations/*.sql)
	@mkdir -p $(@D)
	@{ echo '#include "db/migrations.h"'; echo 'const struct db_migration db_migrations[] = {'; \
	  for f in $(sort $(wildcard db/migrations/*.sql)); do \
	    n=$$(basename $$f | sed 's/^0*\([0-9]*\)_.*/\1/'); e=$$(basename $$f .sql | sed -n 's/.*\.\(.*\)/"\1"/p'); \
	    printf '{ %s, "%s", %s,\n' "$$n" "$$(basename $$f)" "$${e:-0}"; \
	    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $$f; echo '},'; \
	  done; echo '{ 0, 0, 0, 0 } };'; } > $@
$(OUT)/db/migrations_list.o: $(OUT)/db/migrations_list.c
	$(CC) $(ALL_CFLAGS) -c $< -o $@

# --- tests -------------------------------------------------------------------------------------------------------------
EVERYTHING = $(foreach u,admin collab dispatcher router simulator db protocol base,$(call archive,$(u)))
link_all = $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
	$(shell pkg-config --libs $(LIBRARIES)) $(HTTP_PARSER) -lm -lpthread

$(TESTS): $(OUT)/tests/%: $(OUT)/tests/%.o $(TEST_HELPERS) $(EVERYTHING)
	@mkdir -p $(@D)
	$(link_all) -lcmocka
$(REPLAYS): $(OUT)/tests/replay/%: $(OUT)/tests/fuzz/%.o $(OUT)/tests/fuzz/replay.o $(EVERYTHING)
	@mkdir -p $(@D)
	$(link_all)
$(INTEROP): $(OUT)/tests/interop/%: tests/interop/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g -Wall -Wextra -I. -o $@ $< $$(pkg-config --cflags --libs purple glib-2.0)
$(PRELOADS): $(OUT)/tests/process/%.so: tests/process/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g $(WARNINGS) -shared -fPIC -o $@ $<
# Always as the programs are without a sanitizer.
$(CONFINED): tests/process/confined/confined.c base/confine.c base/memory.c base/error.c base/log.c base/bytes.c base/utf8.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) $(HARDEN_PLAIN) -I. -o $@ $^ $(HARDEN_LINK) $$(pkg-config --cflags --libs libseccomp libcrypto jansson)
$(INTEROP_PRELOADS): $(OUT)/tests/interop/%.so: tests/interop/preload/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -g -Wall -Wextra -shared -fPIC -o $@ $< $$(pkg-config --cflags libxml-2.0)
$(SIMULATION): $(call objects,$(wildcard tests/simulation/*.c)) $(TEST_HELPERS) $(EVERYTHING)
	@mkdir -p $(@D)
	$(link_all) -lcmocka
$(BENCHES): $(OUT)/tests/bench/%: $(OUT)/tests/bench/%.o $(BENCH_HELPERS) $(EVERYTHING)
	@mkdir -p $(@D)
	$(link_all)

# What no archive holds, for a compiler whose warnings are asked for and whose programs nobody runs.
compiled: $(PROGRAM_FOLDERS:%=$(OUT)/%/main.o) $(TESTS:%=%.o) $(TEST_HELPERS) \
	$(call objects,$(wildcard $(addprefix tests/,fuzz/*.c bench/*.c bench/support/*.c simulation/*.c))) $(INTEROP) $(PRELOADS) $(INTEROP_PRELOADS)

test-build: all $(TESTS) $(if $(wildcard tests/fuzz/replay.c),$(REPLAYS)) $(INTEROP) $(PRELOADS) $(INTEROP_PRELOADS) $(SIMULATION) $(CONFINED)

test-programs: test-deps   # what `make test` runs: with sanitizers, and plain where that is enough
	@$(MAKE) --no-print-directory -j$$(nproc) all $(PLAIN_SIMULATION)
	@$(MAKE) --no-print-directory -j$$(nproc) $(FOR_TESTS) test-build

test: test-programs    ## set up, build with sanitizers, run every test
	@python3 tests/run.py --out build/gcc-address-undefined --bin build/gcc-address-undefined/bin --shipped build/bin $(ONLY)

scenarios: deps    ## every ready scenario in full, on the plain build
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@$(BIN)/bramble-sim run simulator/scenarios/*.xml

soak: test-deps bench-deps   ## races, kills, seeds and load at length: PARTS="verb services kills seeds records held"
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(SIMULATION) $(OUT)/tests/unit/test_db_race
	@scripts/soak $(OUT) $(BIN) $(PARTS)

# --- words for people --------------------------------------------------------------------------------------------------
deps: ; @scripts/install-packages $(PACKAGES)
test-deps: ; @scripts/install-packages $(PACKAGES) $(TEST_PACKAGES)
bench-deps: ; @scripts/install-packages --quiet $(PACKAGES) python3 $(BENCH_PACKAGES)
check-deps: ; @scripts/install-packages $(PACKAGES) $(TEST_PACKAGES) $(CHECK_PACKAGES)

demo: deps         ## set up, build, and run the documented login flows on real processes
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@$(BIN)/bramble demo

# --- checks ------------------------------------------------------------------------------------------------------------
FUZZ_SECONDS ?= 240
FUZZERS := $(FUZZ_NAMES:%=$(OUT)/tests/fuzzers/%)

# Gcc compiles the tests in `make test`, with the same warnings; clang's for the folders are told by clang-tidy.
check: check-deps  ## builds by gcc and clang with warnings as errors, clang-tidy, cppcheck
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(CONFINED) $(call objects,$(wildcard tests/bench/*.c tests/bench/support/*.c))
	@BRAMBLE_BIN=$(BIN) BRAMBLE_OUT=$(OUT) PYTHONPATH=tests/support python3 -B tests/process/test_hardened.py
	@$(MAKE) --no-print-directory -s -j$$(nproc) CC=clang CFLAGS=-O0 HARDEN=-fPIE compiled
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(FOR_FUZZING) fuzzers
	@$(MAKE) --no-print-directory -j$$(nproc) tidy cppcheck

C_FILES = $(wildcard $(foreach f,$(FOLDERS),$(f)/*.c $(f)/*/*.c))
# How many states of a function clang's analyzer looks at. Its own default, 225000, takes four times as long and finds nothing more here.
TIDY_NODES ?= 50000
TIDY = $(C_FILES:%.c=build/tidy/%.ok)
tidy: $(TIDY)      ## clang-tidy without findings (list in .clang-tidy)
build/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -I. $(LIBRARY_CFLAGS) \
		-DBRAMBLE_VERSION='"x"' -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@

cppcheck:          ## cppcheck without findings (suppressions with reasons in tests/cppcheck.txt)
	@mkdir -p build/cppcheck
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 --inline-suppr \
		--suppressions-list=tests/cppcheck.txt --cppcheck-build-dir=build/cppcheck --library=posix -D_GNU_SOURCE -I. \
		--include=/usr/include/uthash.h --include=/usr/include/utlist.h \
		-j$$(nproc) $(FOLDERS)

fuzz: check-deps   ## fuzz every decoder, FUZZ_SECONDS in all
	@$(MAKE) --no-print-directory -s -j$$(nproc) $(FOR_FUZZING) fuzz-run
fuzzers: $(FUZZERS)
fuzz-run: fuzzers
	@scripts/fuzz $(FUZZ_SECONDS) $(OUT)/tests/fuzzers $(FUZZ_NAMES)
$(FUZZERS): $(OUT)/tests/fuzzers/%: $(OUT)/tests/fuzz/%.o $(EVERYTHING)
	@mkdir -p $(@D)
	$(link_all) -fsanitize=fuzzer

BENCH = @python3 -B tests/bench/run.py $(if $(QUICK),--quick) $(ONLY)
bench: bench-build ## ours beside what else does the same, in one run; QUICK=1, ONLY=words
	$(BENCH)
bench-check: bench-build   ## the same, and fails when a row is worse than was accepted, beyond the noise
	$(BENCH) --check tests/bench/results.json
bench-accept: bench-build  ## the same, and what comes out becomes what bench-check compares with
	$(BENCH) --accept tests/bench/results.json
bench-build: bench-deps
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(BENCHES)

docs: $(OUT)/tests/unit/test_pages $(OUT)/tests/unit/test_scenario   ## write the tables of docs and the schema of scenarios from the code
	@for t in $^; do BRAMBLE_WRITE_PAGES=1 $$t > /dev/null || { BRAMBLE_WRITE_PAGES=1 $$t; exit 1; }; done

clean:             ## remove everything that was built
	rm -rf build

install: all       ## install programs, samples and pages under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/bramble
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	cp -r README.md docs samples simulator/scenarios $(DESTDIR)$(PREFIX)/share/doc/bramble

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
