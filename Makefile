EXTENSION = weir weir_citus
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" weir.control)
MODULE_big = weir

# The rooms in dependency order; src/README.md is the map, make lint checks it.
ROOMS = base worker window summary series drift detect fairness quality learn capture monitor model feed governance report citus
OBJS = src/init.o $(patsubst %.c,%.o,$(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c))))
# A room's SQL: <room>.sql first, then its other files by name. That of citus is an extension of its own.
ROOM_SQL = $(foreach room,$(filter-out citus,$(ROOMS)),$(wildcard src/$(room)/$(room).sql) $(sort $(filter-out src/$(room)/$(room).sql,$(wildcard src/$(room)/*.sql))))
DATA_built = weir--$(EXTVERSION).sql weir_citus--$(EXTVERSION).sql
DATA = $(wildcard upgrade/weir--*--*.sql)
EXTRA_CLEAN = $(DATA_built) $(OBJS:.o=.d) results regression.diffs regression.out output_iso tmp_check tmp_check_iso log \
	build/unit build/lint build/sanitize build/test-results build/server-version

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -std=gnu11 -MMD -MP -Wall -Werror=implicit-function-declaration -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -ffp-contract=off
SHLIB_LINK = -Wl,-Bsymbolic -lm

REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=. --load-extension=weir
ISOLATION := $(sort $(patsubst specs/%.spec,%,$(wildcard specs/*.spec)))
ISOLATION_OPTS = --load-extension=weir
TAP_TESTS := $(if $(wildcard t/*.pl),1)

# No bitcode: nothing here gains from being inlined by the JIT.
override with_llvm = no

all:

# These need nothing installed but make: what is missing, they install.
.PHONY: test matrix nightly lint format sanitize bench demo reference pictures deb deb-test dist dist-test docker-test reproducible distclean
test:
	@scripts/test $(ONLY)
matrix:
	@MAJORS="$(MAJORS)" ONLY="$(ONLY)" scripts/matrix
nightly:
	@MAJORS="$(MAJORS)" ONLY="$(ONLY)" VALGRIND="$(VALGRIND)" scripts/nightly
lint:
	@scripts/lint
format:
	@scripts/format
sanitize:
	@scripts/sanitize
bench:
	@bench/run
deb:
	@MAJORS="$(MAJORS)" scripts/deb
deb-test:
	@MAJORS="$(MAJORS)" scripts/deb test
dist:
	@scripts/dist
dist-test:
	@MAJORS="$(MAJORS)" scripts/dist-test
docker-test:
	@MAJORS="$(MAJORS)" scripts/docker-test
reproducible:
	@scripts/reproducible
demo:
	@scripts/install-dependencies build demo
	@demo/run
# docs/reference, from the comments in the database.
reference:
	@scripts/install-dependencies build
	@scripts/with-server scripts/reference
# docs/pictures, as Chromium shows them.
pictures:
	@scripts/install-dependencies build
	@scripts/with-server scripts/pictures
distclean:
	rm -rf build
	@$(MAKE) -s clean

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
-include $(OBJS:.o=.d)
# Its inner loop is over independent sums.
src/drift/mmd.o: CFLAGS += $(CFLAGS_VECTORIZE) $(CFLAGS_UNROLL_LOOPS) -O3
# Objects built for another release of the server are built anew.
$(OBJS): build/server-version
build/server-version: $(if $(filter-out $(shell cat build/server-version 2>/dev/null),$(MAJORVERSION)),always)
	@mkdir -p build && echo $(MAJORVERSION) > $@
.PHONY: always
else
all install installcheck uninstall:
	@echo "$(PG_CONFIG) names no server development files (PGXS): run scripts/install-dependencies build, or give PG_CONFIG=" >&2; exit 1
clean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) weir.so
endif

weir--$(EXTVERSION).sql: $(ROOM_SQL) weir.control
	@printf '%s\n' '\echo Use "CREATE EXTENSION weir" to load this file. \quit' > $@
	@cat $(ROOM_SQL) >> $@

weir_citus--$(EXTVERSION).sql: src/citus/weir_citus.sql weir_citus.control
	@printf '%s\n' '\echo Use "CREATE EXTENSION weir_citus" to load this file. \quit' > $@
	@cat $< >> $@
