EXTENSION = weir
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" weir.control)
MODULE_big = weir

# The rooms in dependency order; src/README.md is the map, make lint checks it.
ROOMS = base worker window summary drift fairness capture monitor model
OBJS = src/init.o $(patsubst %.c,%.o,$(foreach room,$(ROOMS),$(sort $(wildcard src/$(room)/*.c))))
# A room's SQL: <room>.sql first, then its other files by name.
ROOM_SQL = $(foreach room,$(ROOMS),$(wildcard src/$(room)/$(room).sql) $(sort $(filter-out src/$(room)/$(room).sql,$(wildcard src/$(room)/*.sql))))
DATA_built = weir--$(EXTVERSION).sql
EXTRA_CLEAN = weir--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -std=gnu11 -Wall -Werror=implicit-function-declaration -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -ffp-contract=off
SHLIB_LINK = -Wl,-Bsymbolic -lm

REGRESS = $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=. --load-extension=weir

# No bitcode: nothing here gains from being inlined by the JIT.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

weir--$(EXTVERSION).sql: $(ROOM_SQL) weir.control
	@printf '%s\n' '\echo Use "CREATE EXTENSION weir" to load this file. \quit' > $@
	@cat $(ROOM_SQL) >> $@
