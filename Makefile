# tlshim. `make help` lists the targets.
#
# Objects go to build/, one folder per way of building: obj (what ships), asan, tsan, plain (tests
# that valgrind runs). Set CC, CFLAGS, PREFIX, DESTDIR as usual.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

CC      ?= cc
ifeq ($(origin CC),default)
CC      := gcc
endif
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
MANDIR  ?= $(PREFIX)/share/man
COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
EXAMPLES ?= $(PREFIX)/share/doc/tlshim/examples
BUILD   := build

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
BASE    := -std=gnu11 -D_GNU_SOURCE -I. -fPIC -fvisibility=hidden -fno-strict-aliasing -fstack-protector-strong \
           -pthread -MMD -MP $(WARN)
HARDEN  := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
# Nettle goes in whole and hidden; GMP's archive is not position-independent, so it stays shared.
CRYPTO  := -Wl,-Bstatic -lhogweed -lnettle -Wl,-Bdynamic -lgmp

CORE    := $(wildcard crypto_glue/*.c tls/*.c tls/x509/*.c policy/*.c)
SHIM    := $(wildcard shim/*.c)
CLI     := $(wildcard shim/cli/*.c)
# What the library and the launcher both are made of: credentials, the log, files; the arena, for ps.
SHARED  := $(filter shim/common_%.c shim/arena%.c,$(SHIM))

# Debian packages: to build, to run the demo, to run the tests, to lint, to compare speeds.
BUILD_PACKAGES := gcc libc6-dev nettle-dev libgmp-dev
DEMO_PACKAGES  := python3 openssl curl ca-certificates
# Other TLS stacks to talk to: those of make check, and the big ones of make interop.
STACK_PACKAGES   := libssl-dev libgnutls28-dev libmbedtls-dev libbearssl-dev libnss3-dev libnss3-tools
CHECK_PACKAGES := $(DEMO_PACKAGES) perl libcmocka-dev valgrind gnutls-bin wget netcat-openbsd \
                  redis-server redis-tools nginx-light lighttpd busybox \
                  libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 libeatmydata1 libfaketime libfakeroot openbsd-inetd ucspi-tcp ipsvd socat ncat \
                  $(STACK_PACKAGES)
INTEROP_PACKAGES := golang-go default-jdk-headless g++ libbotan-2-dev botan sslscan nmap
# To fetch, build and run the tests of libuv, libevent, Tcl, Perl and Python, in make foreign.
FOREIGN_PACKAGES := dpkg-dev cmake tcl8.6 perl libpython3.11-testsuite
# What tests/exec serves besides, in make soak.
EXEC_PACKAGES  := fingerd micro-httpd g++ gawk ksh93u+m zsh tcl ruby rsync git vsftpd \
                  exim4-daemon-light apache2-bin netcat-traditional dropbear-bin openssh-client
LINT_PACKAGES  := clang-format shellcheck pyflakes3 cppcheck
BENCH_PACKAGES := $(DEMO_PACKAGES) nginx-light redis-server redis-tools stunnel4

UNIT    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
CT      := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/ct_*.c))
SIZE    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/size_*.c))
RACE    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/race_*.c))
TESTLIB := $(wildcard tests/lib/*.c)

.PHONY: symbols help all demo check bench soak interop foreign fuzz install uninstall clean format lint deps test-programs

help: ## list the targets (the default)
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' Makefile | expand -t 14

all: headers $(BUILD)/libtlshim.so $(BUILD)/tlshim ## build the library and the launcher

# Fails with the remedy, not with the compiler's first missing header.
.PHONY: headers
headers:
	@printf '#include <nettle/rsa.h>\n#include <gmp.h>\n' | $(CC) $(CPPFLAGS) -E -x c - \
	  >/dev/null 2>&1 || { echo "Missing compiler or headers: make deps, or as root:" \
	  "apt-get install $(BUILD_PACKAGES)" >&2; exit 1; }

deps: ## install what building and testing need, through apt
	@tests/install-packages $(BUILD_PACKAGES) $(CHECK_PACKAGES)
	@tests/e2e/programs.t --install

# ---- one rule per way of building ----
flags_obj   := $(CFLAGS) -D_FORTIFY_SOURCE=2
flags_asan  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined -DCG_TEST
flags_tsan  := -O1 -g -fno-omit-frame-pointer -fsanitize=thread -DCG_TEST
flags_plain := -O2 -g -DCG_TEST
flags_helgrind := -O2 -g -DSHIM_HELGRIND
# Fortified headers would make inline functions of the very names that the shim defines.
no_fortify  := -U_FORTIFY_SOURCE
objects      = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))

define way
$$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(BASE) $$(flags_$(1)) $$(CPPFLAGS) $$(if $$(filter shim/%,$$<),$$(no_fortify)) -c $$< -o $$@
$$(BUILD)/$(1)/libcore.a: $$(call objects,$(1),$$(CORE))
	@rm -f $$@
	ar rcs $$@ $$^
-include $$(patsubst %.o,%.d,$$(call objects,$(1),$$(CORE) $$(SHIM) $$(CLI) $$(TESTLIB)))
endef
$(foreach w,obj asan tsan plain helgrind,$(eval $(call way,$(w))))

# ---- what ships ----
$(BUILD)/symbols.map: shim/symbols.h shim/symbols.map.in
	@mkdir -p $(@D)
	$(CC) -E -P -x c -I. shim/symbols.map.in -o $@

$(BUILD)/libtlshim.so: $(call objects,obj,$(SHIM)) $(BUILD)/obj/libcore.a $(BUILD)/symbols.map
	$(CC) -shared -pthread $(LDFLAGS) $(HARDEN) -Wl,-soname,libtlshim.so -Wl,--exclude-libs,ALL \
	  -Wl,--version-script=$(BUILD)/symbols.map -Wl,-z,defs -Wl,-z,initfirst \
	  -o $@ $(call objects,obj,$(SHIM)) $(BUILD)/obj/libcore.a $(CRYPTO) -ldl

$(BUILD)/tlshim: $(call objects,obj,$(CLI) $(SHARED)) $(BUILD)/obj/libcore.a
	$(CC) -pie $(LDFLAGS) $(HARDEN) -o $@ $(call objects,obj,$(CLI) $(SHARED)) \
	  $(BUILD)/obj/libcore.a $(CRYPTO) -ldl

# ---- tests ----
$(BUILD)/tests/test_%: tests/unit/test_%.c $(BUILD)/asan/libcore.a $(call objects,asan,$(TESTLIB))
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_asan) $< $(call objects,asan,$(TESTLIB)) $(BUILD)/asan/libcore.a \
	  -o $@ $(CRYPTO) -lcmocka
$(BUILD)/tests/race_%: tests/unit/race_%.c $(BUILD)/tsan/libcore.a $(call objects,tsan,$(TESTLIB))
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_tsan) $< $(call objects,tsan,$(TESTLIB)) $(BUILD)/tsan/libcore.a \
	  -o $@ $(CRYPTO) -lcmocka
$(BUILD)/tests/ct_%: tests/unit/ct_%.c $(BUILD)/plain/libcore.a $(call objects,plain,$(TESTLIB))
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_plain) $< $(call objects,plain,$(TESTLIB)) $(BUILD)/plain/libcore.a \
	  -o $@ $(CRYPTO) -lcmocka
$(BUILD)/tests/size_%: tests/unit/size_%.c $(BUILD)/plain/libcore.a $(call objects,plain,$(TESTLIB))
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_plain) $< $(call objects,plain,$(TESTLIB)) $(BUILD)/plain/libcore.a \
	  -o $@ $(CRYPTO) -lcmocka
# What meets other stacks over a socket.
OUR_PEER := $(wildcard tests/interop/tls_peer*.c)
$(BUILD)/tests/tls_peer: $(OUR_PEER) $(wildcard tests/interop/*.h) $(BUILD)/asan/libcore.a
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(BASE)) $(flags_asan) $(OUR_PEER) $(BUILD)/asan/libcore.a -o $@ $(CRYPTO)
-include $(wildcard $(BUILD)/tests/*.d)

PROGRAMS := $(addprefix $(BUILD)/tests/,$(UNIT) $(CT) $(SIZE) $(RACE))
test-programs: all $(PROGRAMS) $(BUILD)/tests/tls_peer

# Accepts or rejects a chain from the command line: as shipped, and with the sanitizers for tests.
$(BUILD)/x509check: tests/x509check.c $(BUILD)/obj/libcore.a
	$(CC) $(BASE) $(flags_obj) $< $(BUILD)/obj/libcore.a -o $@ $(LDFLAGS) $(CRYPTO)
$(BUILD)/tests/x509check: tests/x509check.c $(BUILD)/asan/libcore.a
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_asan) $< $(BUILD)/asan/libcore.a -o $@ $(CRYPTO)
test-programs: $(BUILD)/x509check $(BUILD)/tests/x509check

# What is run under the library (tests/contract): ordinary programs that know nothing of it.
ORDINARY := -std=gnu11 -D_GNU_SOURCE -O2 -g -pthread $(WARN)
CONTRACT := $(filter-out tests/contract/load_%,$(wildcard tests/contract/*.c))
LOADING  := $(patsubst tests/contract/%.c,$(BUILD)/tests/%,\
              $(filter-out %_exchange.c %_library.c,$(wildcard tests/contract/load_*.c)))
$(BUILD)/tests/contract: $(CONTRACT) tests/contract/contract.h
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) $(CONTRACT) -o $@
$(BUILD)/tests/libload.so: tests/contract/load_library.c tests/contract/load_exchange.c
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) -fPIC -shared $^ -o $@
$(BUILD)/tests/load_%: tests/contract/load_%.c tests/contract/load_exchange.c tests/contract/load.h
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) $(if $(filter fortify,$*),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3) \
	  $(filter %.c,$^) -o $@ -ldl
test-programs: $(BUILD)/tests/contract $(BUILD)/tests/libload.so $(LOADING)

# What BoringSSL's test runner drives (tests/bogo/README.md): as shipped, and for our own runner.
BOGO := $(wildcard tests/bogo/*.c)
$(BUILD)/bogo_shim: $(BOGO) $(wildcard tests/bogo/*.h) $(BUILD)/obj/libcore.a
	$(CC) $(BASE) $(flags_obj) $(BOGO) $(BUILD)/obj/libcore.a -o $@ $(LDFLAGS) $(CRYPTO)
$(BUILD)/tests/bogo_shim: $(BOGO) $(wildcard tests/bogo/*.h) $(BUILD)/asan/libcore.a
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_asan) $(BOGO) $(BUILD)/asan/libcore.a -o $@ $(CRYPTO)
test-programs: $(BUILD)/bogo_shim $(BUILD)/tests/bogo_shim

# The model test's program knows nothing of the library (tests/model/README).
$(BUILD)/tests/model: $(wildcard tests/model/*.c) tests/model/model.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(BASE)) $(CFLAGS) $(filter %.c,$^) -o $@
test-programs: $(BUILD)/tests/model

# What the guard tests run: a program that knows nothing of the library. Not bound lazily, for the
# dynamic linker then keeps vector registers on the stack, with what a memcpy has left in them.
$(BUILD)/tests/guard: $(wildcard tests/guard/*.c) tests/guard/guard.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(BASE)) $(CFLAGS) -Wl,-z,now $(filter %.c,$^) -o $@
test-programs: $(BUILD)/tests/guard

# The library and a program with threads for ThreadSanitizer, and the program for helgrind. TSan's
# start-up code calls getrlimit, before what is instrumented may run.
$(addprefix $(BUILD)/tsan/shim/,calls_limits.o real.o): flags_tsan += -fno-sanitize=thread
$(BUILD)/tests/tsan/libtlshim.so: $(call objects,tsan,$(SHIM)) $(BUILD)/tsan/libcore.a $(BUILD)/symbols.map
	@mkdir -p $(@D)
	$(CC) -shared -fsanitize=thread -Wl,-soname,libtlshim.so -Wl,--exclude-libs,ALL \
	  -Wl,--version-script=$(BUILD)/symbols.map \
	  -o $@ $(call objects,tsan,$(SHIM)) $(BUILD)/tsan/libcore.a $(CRYPTO) -ldl
$(BUILD)/tests/helgrind/libtlshim.so: $(call objects,helgrind,$(SHIM)) $(BUILD)/obj/libcore.a $(BUILD)/symbols.map
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-soname,libtlshim.so -Wl,--exclude-libs,ALL \
	  -Wl,--version-script=$(BUILD)/symbols.map \
	  -o $@ $(call objects,helgrind,$(SHIM)) $(BUILD)/obj/libcore.a $(CRYPTO) -ldl
$(BUILD)/tests/tsan/races: tests/races/races.c
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) -fsanitize=thread $< -o $@
$(BUILD)/tests/races: tests/races/races.c
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) $< -o $@
test-programs: $(addprefix $(BUILD)/tests/,tsan/libtlshim.so tsan/races races)

# What tests/exec runs besides Debian's programs.
$(BUILD)/tests/storm: tests/exec/storm.c
	@mkdir -p $(@D)
	$(CC) $(ORDINARY) $< -o $@
test-programs: $(BUILD)/tests/storm

SCRIPTS := $(sort $(wildcard tests/*.t tests/unit/*.t tests/interop/*.t tests/bogo/*.t tests/e2e/*.t \
             tests/contract/*.t tests/guard/*.t tests/exec/*.t tests/races/tsan.t tests/model/*.t tests/soak/*.t))

# Sub-makes use every processor unless -j was given.
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

check: deps ## build and run every test (installs what is missing through apt)
	+@$(SUBMAKE) -s test-programs
	prove --timer -j2 --exec tests/run-one $(PROGRAMS) $(SCRIPTS)

demo: ## a client and a server that know no TLS, talking TLS 1.0 (under a minute)
	@tests/install-packages $(BUILD_PACKAGES) $(DEMO_PACKAGES)
	@echo "Building build/tlshim and build/libtlshim.so ..."
	+@$(SUBMAKE) -s all
	@tests/demo

bench: ## compare speeds: plain, tlshim, native OpenSSL, stunnel
	@tests/install-packages $(BUILD_PACKAGES) $(BENCH_PACKAGES)
	+@$(SUBMAKE) all
	@tests/bench/run

# Each target links its own fuzz_start and fuzz_input with the driver.
FUZZ         := $(addprefix $(BUILD)/tests/,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SECONDS ?= 60
$(BUILD)/tests/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/driver.c $(BUILD)/asan/libcore.a \
                       $(call objects,asan,$(TESTLIB))
	@mkdir -p $(@D)
	$(CC) $(BASE) $(flags_asan) $< tests/fuzz/driver.c $(call objects,asan,$(TESTLIB)) \
	  $(BUILD)/asan/libcore.a -o $@ $(CRYPTO) -lcmocka

fuzz: deps ## mutated certificates, policies and records, FUZZ_SECONDS (60) each
	+@$(SUBMAKE) $(FUZZ)
	@for program in $(FUZZ); do $$program $(FUZZ_SECONDS) || exit 1; done

soak: deps ## end-to-end tests with 500 MiB each and every program, a gigabyte, half an hour of kills, races, 1000000 sequences, interop
	@tests/e2e/programs.t --install all
	+@$(SUBMAKE) test-programs
	CONTRACT_MIB=1024 prove --timer --exec tests/run-one tests/contract/cases.t
	TLSTEST_MIB=500 POLICIES=400 PROGRAMS=all PROGRAMS_MIB=64 prove --timer --exec tests/run-one $(sort $(wildcard tests/e2e/*.t))
	tests/install-packages $(EXEC_PACKAGES)
	mkdir -p $(BUILD)/debs && cd $(BUILD)/debs && apt-get download -q xinetd inetutils-ftpd ident2 oidentd openssh-server && \
	  for deb in *.deb; do dpkg -x $$deb . || exit 1; done
	EXEC_SOAK=1 prove --timer --exec tests/run-one $(sort $(wildcard tests/exec/*.t))
	SOAK_SECONDS=$${SOAK_SECONDS:-1800} prove --timer --exec tests/run-one tests/soak/soak.t
	+@$(SUBMAKE) $(BUILD)/tests/helgrind/libtlshim.so
	RACES_SECONDS=60 prove --timer --exec tests/run-one $(sort $(wildcard tests/races/*.t))
	SEQUENCES=$${SEQUENCES:-1000000} prove --timer --exec tests/run-one tests/model/model.t
	+@$(MAKE) --no-print-directory interop foreign

interop: deps ## eight other TLS stacks, every suite and every way to begin a session (15 minutes)
	@tests/install-packages $(INTEROP_PACKAGES)
	+@$(SUBMAKE) test-programs
	INTEROP=all prove --timer --exec tests/run-one $(sort $(wildcard tests/interop/*.t))

FOREIGN_DIR ?= /tmp/tlshim-foreign

foreign: deps ## the socket tests of libuv, libevent, Tcl, Perl and Python, plain and covered (an hour)
	@tests/install-packages $(FOREIGN_PACKAGES)
	+@$(SUBMAKE) all
	tests/foreign/fetch $(FOREIGN_DIR)
	FOREIGN_DIR=$(FOREIGN_DIR) prove --timer --exec tests/run-one tests/foreign/foreign.t

fresh: ## for maintainers, as root: clone into a new minimal Debian, then make demo and make check
	@tests/install-packages debootstrap
	@tests/fresh-machine

install: all ## install to $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR) $(DESTDIR)$(COMPLETIONS) $(DESTDIR)$(EXAMPLES) \
	  $(addprefix $(DESTDIR)$(MANDIR)/,man1 man5 man8)
	install -m 644 $(BUILD)/libtlshim.so $(DESTDIR)$(LIBDIR)/libtlshim.so.new
	mv -f $(DESTDIR)$(LIBDIR)/libtlshim.so.new $(DESTDIR)$(LIBDIR)/libtlshim.so
	install -m 755 $(BUILD)/tlshim $(DESTDIR)$(PREFIX)/bin/
	install -m 644 docs/man/tlshim.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 docs/man/tlshim.conf.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 docs/man/libtlshim.8 $(DESTDIR)$(MANDIR)/man8/
	install -m 644 docs/completion/tlshim.bash $(DESTDIR)$(COMPLETIONS)/tlshim
	install -m 644 $(wildcard docs/examples/*) $(DESTDIR)$(EXAMPLES)/

uninstall: ## remove what install installed
	rm -f $(DESTDIR)$(LIBDIR)/libtlshim.so $(DESTDIR)$(PREFIX)/bin/tlshim \
	  $(DESTDIR)$(MANDIR)/man1/tlshim.1 $(DESTDIR)$(MANDIR)/man5/tlshim.conf.5 \
	  $(DESTDIR)$(MANDIR)/man8/libtlshim.8 $(DESTDIR)$(COMPLETIONS)/tlshim \
	  $(patsubst docs/examples/%,$(DESTDIR)$(EXAMPLES)/%,$(wildcard docs/examples/*))

symbols: ## put shim/symbols.h into the README's table
	tests/symbol-table --write

clean: ## remove build/
	rm -rf $(BUILD)

FORMATTED  := $(CORE) $(SHIM) $(CLI) $(wildcard crypto_glue/*.h tls/*.h tls/x509/*.h policy/*.h \
              shim/*.h shim/cli/*.h tests/*.c tests/*/*.c tests/*/*.h \
              tests/interop/peers/*.c tests/interop/peers/*.h tests/interop/peers/*.cpp)
SHELL_FILES := .ci/run tests/run-one tests/install-packages tests/fresh-machine tests/foreign/fetch
PYTHON_FILES = $(wildcard tests/demo tests/exec/*.py tests/races/*.py tests/bench/run tests/lib/*/*.py tests/bogo/*.py tests/guard/*.py \
                 tests/e2e/programs/*.py tests/e2e/programs/tables/*.py tests/interop/*.py tests/foreign/foreign.t tests/soak/*.py) \
               $(shell grep -l '^.!/usr/bin/python3' $(SCRIPTS))

format: ## format every C file in place
	clang-format -i $(FORMATTED)

lint: ## formatting, shellcheck, pyflakes, cppcheck
	@tests/install-packages $(LINT_PACKAGES)
	clang-format --dry-run --Werror $(FORMATTED)
	shellcheck $(SHELL_FILES)
	pyflakes3 $(filter-out %/__init__.py,$(PYTHON_FILES))
	cppcheck --quiet --enable=warning,portability --suppress=returnDanglingLifetime --error-exitcode=1 --std=c11 \
	  -I. $(CORE) $(SHIM) $(CLI)
