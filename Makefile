# Everything is done by `make TARGET`; `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
export PYTHONSAFEPATH := 1
# Whatever the machine says: hundreds of processes of the tests would compile the same modules again.
export PYTHONDONTWRITEBYTECODE :=
# In this order: what needs a cluster without Herold comes first.
E2E := $(foreach name,foreign cluster data data_redis data_rabbitmq campaigns preflight plugin observability notices failures failover gitops,tests/e2e/e2e_$(name).py)

.PHONY: help demo plan plan-comment proof proof-comment promote test lint format generate chaos bench lock ci clean up down status people inbox e2e preview compliance models

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# One environment, made anew when a lock changes. Hashes are checked by pip.
$(VENV)/.ready: locks/dev.txt locks/data.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Herold needs Python 3.11 or later: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@# Not compiled: most of the AWS SDK is never imported.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r locks/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r locks/data.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

# Packages and commands are those of pyproject.toml.
$(VENV)/.installed: $(VENV)/.ready pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.installed ## Send a campaign to 23,570 customers, kill a worker, count who got what
	@$(BIN)/herold demo

# CI judges a pull request by the code and the policies of the branch that it goes into: what it brings is only read.
plan: $(VENV)/.installed ## What a branch changes in gitops/campaigns (BASE=origin/main, HEAD= or PULL=: a pull request's number)
	@mkdir -p build/plan
	@$(if $(PULL),git fetch --quiet origin "+pull/$(PULL)/head:refs/pull/$(PULL)")
	@code=0; $(BIN)/herold plan --changed "$(or $(BASE),origin/main)...$(if $(PULL),refs/pull/$(PULL),$(or $(HEAD),HEAD))" \
		-o markdown --output build/plan/comment.md --page build/plan/page.html || code=$$?; \
	echo $$code > build/plan/code; test $$code = 0 -o $$code = 6

plan-comment: ## Put build/plan/comment.md on the pull request PULL=, over the one before (needs gh)
	$(call comment,plan)

# What is sent and how is for the branch that it goes into, here as well: code, seeds, relay.
proof: $(VENV)/.installed ## Send what a branch changes to the seeds of its senders (BASE=, HEAD= or PULL=, AGAIN=1)
	@mkdir -p build/proof && rm -f build/proof/comment.md
	@case "$${PULL:-}" in *[!0-9]*) echo "PULL= is the number of a pull request"; exit 2;; esac; \
		head="$${HEAD:-HEAD}"; \
		if [ -n "$${PULL:-}" ]; then head="refs/pull/$$PULL"; git fetch --quiet origin "+pull/$$PULL/head:$$head"; fi; \
		code=0; $(BIN)/herold proof --changed "$${BASE:-origin/main}...$$head" $${AGAIN:+--again} \
		-o markdown --output build/proof/comment.md || code=$$?; \
		if [ -f build/proof/comment.md ]; then cat build/proof/comment.md; fi; exit $$code

proof-comment: ## Put build/proof/comment.md on the pull request PULL=, over the one before (needs gh)
	$(call comment,proof)

# The plan and the proof are two comments of one author: each is known by its first line.
COMMENTER ?= github-actions[bot]
define comment
@ours='.user.login == "$(COMMENTER)" and (.body | startswith("<!-- herold $(1) -->"))'; \
	id=$$(gh api --paginate "repos/{owner}/{repo}/issues/$$PULL/comments" --jq ".[] | select($$ours) | .id" | tail -n 1); \
	if [ -n "$$id" ]; then how=PATCH where="comments/$$id"; else how=POST where="$$PULL/comments"; fi; \
	gh api --silent --method "$$how" "repos/{owner}/{repo}/issues/$$where" --field body=@build/$(1)/comment.md
endef

promote: $(VENV)/.installed ## Write the image digests of FROM=test into TO=staging, as a commit; prod follows staging (DRY=1)
	@$(BIN)/python -m herold_delivery.promote "$(FROM)" "$(TO)" $(if $(DRY),--dry-run)

# Three for two processors: half of the time a test waits. Who is done takes over from the others, so that none is idle.
test: $(VENV)/.installed ## Run the tests that need nothing but Python (no root, no Docker)
	@$(BIN)/pytest -n 3 --dist worksteal -m "not chaos and not bench" $(ARGS)

chaos: $(VENV)/.installed ## Kill workers and the ledger, then ask the relay who got what (N=, KILLS=, SEED=)
	@PYTHONPATH=tests $(BIN)/python -m chaos.kills --count $(or $(N),20000) --kills $(or $(KILLS),20) --seed $(or $(SEED),1)
	@$(BIN)/pytest -n 2 -m chaos $(ARGS) tests/chaos tests/controller tests/infra

bench: $(VENV)/.installed ## Measure; figures go to build/bench (FULL=1: the sizes of docs/benchmarks.md)
	@$(BIN)/python tests/bench/run.py $(if $(FULL),--full)

up: $(VENV)/.installed ## Start a Kubernetes of our own with Herold in it (HEROLD_CONTEXT=: use yours; INSTALL=1: what lacks; MEMBERS=3)
	@PYTHONPATH=. $(BIN)/python -m local.cluster up $(if $(INSTALL),--install) $(if $(MEMBERS),--members $(MEMBERS))

down: $(VENV)/.installed ## Stop it, put the machine back as it was, check that (KEEP=1: keep its data; yours: CONFIRM=1)
	@PYTHONPATH=. $(BIN)/python -m local.cluster down $(if $(KEEP),--keep) $(if $(CONFIRM),--confirm)

status: $(VENV)/.installed ## What runs and what is Ready
	@PYTHONPATH=. $(BIN)/python -m local.cluster status

people: $(VENV)/.installed ## Import FILE= (.csv, .jsonl) into the cluster's ledger (WHAT=people, orders or events)
	@PYTHONPATH=. $(BIN)/python -m local.cluster people $(if $(WHAT),--what $(WHAT)) -- "$(FILE)"

inbox: $(VENV)/.installed ## The newest mails that the cluster's relay got, as a page in build/
	@PYTHONPATH=. $(BIN)/python -m local.cluster inbox --output build/inbox.html

e2e: $(VENV)/.installed ## Campaigns on the real cluster, judged by the relay's log (needs what `make up` needs)
	@$(if $(CI),,PYTHONPATH=.:tests $(BIN)/python -m e2e.needs)
	@$(BIN)/pytest $(ARGS) $(E2E)

preview: $(VENV)/.installed ## What `pulumi up` would do, judged by the policies; stand-in for AWS (STACK=aws-prod)
	@PYTHONPATH=. $(BIN)/python -m local.engine $(or $(STACK),aws-prod)

compliance: $(VENV)/.installed ## Write docs/compliance.md from the results of the tests of the policies
	@$(BIN)/pytest -q -m rule tests/infra --compliance build/compliance.json || echo "what failed is written as not verified"
	@PYTHONPATH=. $(BIN)/python -m local.engine.compliance build/compliance.json

lint: $(VENV)/.installed ## Style, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests local
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

generate: $(VENV)/.installed ## Write CRDs, schemas for editors and reference pages from models and commands
	@$(BIN)/python -m herold.resources.generate
	@$(BIN)/python -m herold.cli.reference
	@$(BIN)/python -m herold_operator.reference
	@$(BIN)/python -m herold_reader.reference
	@$(BIN)/python -m herold_kubectl.reference
	@$(BIN)/python -m herold_operator.alerts
	@$(BIN)/python -m herold_delivery.render
	@PYTHONPATH=. $(BIN)/python -m local.engine.summary

models: $(VENV)/.installed ## Write AWS's own limits for the stand-in (local/providers/aws/calls.json) from botocore
	@$(PYTHON) -m venv --clear build/models
	@build/models/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r locks/models.txt
	@PYTHONPATH=. build/models/bin/python -m local.providers.aws.models

lock: $(VENV)/.installed ## Pin all dependencies anew, with hashes and without addresses
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --upgrade --extra dev --extra report --extra operator --extra policies --extra infra -o locks/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --upgrade -o locks/runtime.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --upgrade --extra operator -o locks/operator.txt pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --upgrade --extra infra -o locks/infra.txt pyproject.toml

ci: ## What CI runs: lint, tests, a few kills under the oracle, the demonstration, campaigns on a real cluster
	$(MAKE) lint
	$(MAKE) test
	PYTHONPATH=tests $(BIN)/python -m chaos.kills --count 5000 --kills 8 --seed 1
	$(MAKE) demo
	$(MAKE) e2e CI=1

clean: ## Remove what the targets made in this folder
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
