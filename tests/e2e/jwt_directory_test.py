#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts in a directory: what a server keeps there, for how long, and what may be asked about it."""

import hashlib
import json
import os
import signal
import time

from support.case import differs, main
from support.leaf_peer import LeafPeer
from support.nkeys import USER_UNLIMITED, Key, Tenant, User
from support.operators import OperatorCase, now


class DirectoryCase(OperatorCase):
    def directory_config(self, *tenants, kind="full", settings="", **options):
        """The configuration; makes the directory with these tenants in it."""
        self.directory = os.path.join(self.folder(), "jwt")
        os.mkdir(self.directory)
        for tenant in (self.system, *(tenants or (self.tenant,))):
            self.write(tenant.public, tenant.token())
        resolver = f"{{ type: {kind}, dir: '{self.directory}'{settings} }}"
        return self.config(resolver=resolver, **options)

    def start_with(self, *tenants, **options):
        return self.start("-DV", config=self.directory_config(*tenants, **options))

    def path(self, name):
        return os.path.join(self.directory, name + ".jwt")

    def write(self, name, token):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(token)

    def stored(self, tenant):
        """The tenant's token in the directory; None: there is none."""
        try:
            with open(self.path(tenant.public), encoding="ascii") as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def admin(self, server):
        wire = self.accept(server, User(self.system))
        wire.send("SUB reply 9\r\n")
        wire.expect_quiet()
        return wire

    def answer(self, admin):
        size = int(admin.expect_line(r"MSG reply 9  ?(\d+)").group(1))
        body = admin.read(size)
        admin.read(2)
        return body

    def request(self, admin, subject, body=""):
        admin.send(f"PUB {subject} reply {len(body)}\r\n{body}\r\n")
        return self.answer(admin)

    def update(self, admin, tenant, **nats):
        return json.loads(self.request(admin, "$SYS.REQ.CLAIMS.UPDATE", tenant.token(**nats)))

    def deletion(self, *tenants, signer=None, subject=None, **nats):
        """What an operator signs to have accounts deleted."""
        signer = signer or self.operator
        accounts = {"accounts": [tenant.public for tenant in tenants]} if tenants else {}
        return signer.token(subject or signer.public, "generic", {**accounts, **nats})

    def delete(self, admin, *tenants, **options):
        body = self.deletion(*tenants, **options)
        return json.loads(self.request(admin, "$SYS.REQ.CLAIMS.DELETE", body))


class StoreTest(DirectoryCase):
    def test_accounts_are_files(self):
        server = self.start_with()
        self.accept(server, User(self.tenant))
        self.refuse(server, User(Tenant(self.operator, "stranger")))

    def test_a_directory_is_made(self):
        folder = self.folder()
        path = os.path.join(folder, "a", "b")
        token = self.system.token()
        resolver = f"{{ type: full, dir: '{path}' }}"
        more = f"resolver_preload: {{ {self.system.public}: {token} }}"
        server = self.start("-DV", config=self.config(resolver=resolver, more=more))
        self.admin(server)
        with open(os.path.join(path, self.system.public + ".jwt"), encoding="ascii") as stream:
            self.assertEqual(stream.read(), token)

    def test_a_new_account_becomes_a_file(self):
        server = self.start_with()
        other = Tenant(self.operator, "B")
        admin = self.admin(server)
        answer = self.update(admin, other)
        self.assertEqual(answer["data"]["message"], "jwt updated")
        self.assertEqual(answer["data"]["account"], other.public)
        self.assertEqual(answer["data"]["code"], 200)
        self.accept(server, User(other))
        self.assertEqual(len(self.stored(other).split(".")), 3)

    @differs("2.9.10", "keeps what any user of the system account sends")
    def test_nobody_elses_account_becomes_a_file(self):
        server = self.start_with()
        stranger = Tenant(Key("operator"), "stranger")
        answer = self.update(self.admin(server), stranger)
        self.assertEqual(answer["error"]["code"], 500)
        self.assertIsNone(self.stored(stranger))

    def test_no_name_leads_out_of_the_directory(self):
        server = self.start_with()
        user = User(self.tenant)
        user.token = self.tenant.key.token(
            user.key.public, "user", {**USER_UNLIMITED, "issuer_account": "../../etc/passwd"}
        )
        self.refuse(server, user, "User JWT no longer valid|User JWT not valid")

    @differs("2.9.10", "stores preloads first")
    def test_a_refused_reload_stores_no_preloads(self):
        server = self.start_with()
        with open(server.config_file, encoding="utf-8") as stream:
            config = stream.read()
        other = Tenant(self.operator, "B")
        more = f"\nresolver_preload: {{ {other.public}: {other.token()} }}\n"
        for setting, done in (("pid_file: '/none/pid'", "Failed to reload"), ("", "Reloaded server configuration")):
            with open(server.config_file, "w", encoding="utf-8") as stream:
                stream.write(config + more + setting + "\n")
            self.assertIsNone(self.stored(other))
            server.send_signal(signal.SIGHUP)
            server.log.wait(done)
        self.assertIsNotNone(self.stored(other))

    @differs("2.9.10", "the PID file is that of the start")
    def test_a_refused_reload_leaves_pid_files_alone(self):
        folder = self.folder()
        own, other, absent = (os.path.join(folder, name) for name in ("own", "other", "absent"))
        config = self.directory_config() + f"\npid_file: '{own}'\n"
        server = self.start("-DV", config=config)
        with open(other, "w", encoding="utf-8") as stream:
            stream.write("1")
        for path in (os.path.join(folder, ".", "own"), other, absent):
            with open(server.config_file, "w", encoding="utf-8") as stream:
                stream.write(config.replace(own, path) + "default_sentinel: 'garbage'\n")
            server.send_signal(signal.SIGHUP)
            server.log.wait("Failed to reload.*sentinel")
        with open(own, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), str(server.pid))
        with open(other, encoding="utf-8") as stream:
            self.assertEqual(stream.read(), "1")
        self.assertFalse(os.path.exists(absent))

    @differs("2.9.10", "a changed file of a loaded account waits for another restart")
    def test_a_reload_brings_new_files(self):
        server = self.start_with()
        wire, other = self.accept(server, User(self.tenant)), Tenant(self.operator, "B")
        user = User(self.tenant)
        self.accept(server, user)
        self.write(other.public, other.token())
        self.write(self.tenant.public, self.tenant.token(revocations={user.key.public: now() + 1}))
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        self.refuse(server, user)
        self.accept(server, User(other))
        wire.expect_quiet()

    def test_a_preload_does_not_replace_what_is_newer(self):
        old, new = self.tenant.token(), self.tenant.token(revocations={"*": now() + 1})
        # Newer by its time, not by its place.
        self.tenant.claims = {"iat": now() - 100, "jti": "old"}
        old = self.tenant.token()
        config = self.directory_config(more=f"resolver_preload: {{ {self.tenant.public}: {old} }}")
        self.write(self.tenant.public, new)
        server = self.start("-DV", config=config)
        self.assertEqual(self.stored(self.tenant), new)
        self.refuse(server, User(self.tenant))

    def test_a_preload_replaces_what_is_older(self):
        self.tenant.claims = {"iat": now() - 100, "jti": "old"}
        config = self.directory_config()
        self.tenant.claims = {"jti": "new"}
        token = self.tenant.token()
        config += f"resolver_preload: {{ {self.tenant.public}: {token} }}\n"
        self.start("-DV", config=config)
        self.assertEqual(self.stored(self.tenant), token)


class LimitTest(DirectoryCase):
    def test_a_full_directory_takes_so_many(self):
        server = self.start_with(settings=", limit: 3")
        admin, more = self.admin(server), [Tenant(self.operator, name) for name in "BC"]
        self.assertEqual(self.update(admin, more[0])["data"]["code"], 200)
        answer = self.update(admin, more[1])
        self.assertEqual(answer["error"]["code"], 500)
        self.assertEqual(
            answer["error"]["description"], "jwt update resulted in error - jwt store is full"
        )
        self.assertIsNone(self.stored(more[1]))
        # What is there may change.
        self.assertEqual(self.update(admin, more[0], description="x")["data"]["code"], 200)

    def test_an_expired_token_is_removed(self):
        self.tenant.claims["exp"] = now() + 1
        server = self.start_with(kind="cache", settings=", ttl: '2s'")
        self.accept(server, User(self.system))
        self.wait_for(lambda: self.stored(self.tenant) is None, "the end of an unused token")

    def test_what_is_used_stays_in_a_cache(self):
        server = self.start_with(kind="cache", settings=", ttl: '4s'")
        end = time.monotonic() + 8
        # Whoever enters the system account may load it anew; the tenant's is not touched.
        admin = self.admin(server)
        while time.monotonic() < end and self.stored(self.tenant) is not None:
            self.update(admin, self.system, description=str(time.monotonic()))
            time.sleep(0.1)
        self.wait_for(lambda: self.stored(self.tenant) is None, "the end of an unused token")
        self.assertIsNotNone(self.stored(self.system))

    def test_a_cache_forgets_what_was_used_least(self):
        tenants = [Tenant(self.operator, name) for name in "ABC"]
        config = self.directory_config(*tenants[:2], kind="cache", settings=", limit: 3")
        # The system account too: the first of the others, by name, goes, and without it no server starts.
        preloaded = "".join(f"{tenant.public}: {tenant.token()}\n" for tenant in (self.system, tenants[2]))
        config += f"resolver_preload: {{ {preloaded} }}\n"
        self.start("-DV", config=config)
        there = [tenant for tenant in (self.system, *tenants) if self.stored(tenant)]
        self.assertEqual(len(there), 3)
        self.assertIn(tenants[2], there)

    def test_a_cache_keeps_only_what_is_loaded(self):
        server = self.start_with(kind="cache")
        admin, other = self.admin(server), Tenant(self.operator, "B")
        answer = self.update(admin, other)
        self.assertEqual(answer["data"]["message"], "jwt update cache skipped")
        self.assertIsNone(self.stored(other))
        self.accept(server, User(self.tenant))
        answer = self.update(admin, self.tenant, description="new")
        self.assertEqual(answer["data"]["message"], "jwt updated cache")


class RequestTest(DirectoryCase):
    def test_updates_say_what_is_wrong(self):
        server = self.start_with()
        admin, other = self.admin(server), Tenant(self.operator, "B")
        subject = f"$SYS.REQ.ACCOUNT.{self.tenant.public}.CLAIMS.UPDATE"
        answer = json.loads(self.request(admin, subject, other.token()))
        self.assertEqual(
            answer["error"],
            {
                "account": self.tenant.public,
                "code": 500,
                "description": "jwt update resulted in error - subject does not match jwt content",
            },
        )
        answer = json.loads(self.request(admin, subject, "x"))
        self.assertEqual(answer["error"]["account"], "n/a")
        self.assertEqual(
            answer["error"]["description"], "jwt update resulted in error - expected 3 chunks"
        )
        bad = [{"name": "x", "subject": "a b", "type": "stream"}]
        answer = json.loads(self.request(admin, subject, self.tenant.token(exports=bad)))
        self.assertIn("jwt validation failed - validation errors: [", answer["error"]["description"])
        self.assertEqual(answer["server"]["id"], self.wire(server).read_info()["server_id"])

    def test_a_strict_operator_signs_with_its_signing_keys_only(self):
        signing = Key("operator")
        nats = {"signing_keys": [signing.public], "strict_signing_key_usage": True}
        self.system.operator = self.tenant.operator = signing
        signer = Key("account")
        self.system.nats["signing_keys"] = [signer.public]
        server = self.start_with(operator_nats=nats)
        admin = self.accept(server, User(self.system, signer=signer))
        admin.send("SUB reply 9\r\n")
        answer = self.update(admin, Tenant(self.operator, "B"))
        self.assertEqual(
            answer["error"]["description"],
            "jwt update resulted in error - operator requires issuer to be a signing key",
        )
        self.assertEqual(self.update(admin, Tenant(signing, "B"))["data"]["code"], 200)

    def test_a_lookup_answers_with_the_token(self):
        server = self.start_with()
        admin = self.admin(server)  # the tenant has not been loaded
        subject = f"$SYS.REQ.ACCOUNT.{self.tenant.public}.CLAIMS.LOOKUP"
        self.assertEqual(self.request(admin, subject).decode(), self.stored(self.tenant))
        stranger = Tenant(self.operator, "stranger").public
        for name in (stranger, "x"):
            admin.send(f"PUB $SYS.REQ.ACCOUNT.{name}.CLAIMS.LOOKUP reply 0\r\n\r\n")
        admin.expect_quiet()

    def test_a_list_names_all_accounts(self):
        other = Tenant(self.operator, "B")
        server = self.start_with(self.tenant, other, more="server_tags: [east]")
        answer = json.loads(self.request(self.admin(server), "$SYS.REQ.CLAIMS.LIST"))
        self.assertEqual(
            sorted(answer["data"]),
            sorted(each.public for each in (self.system, self.tenant, other)),
        )
        self.assertLessEqual({"id", "name", "seq", "time"}, set(answer["server"]))
        self.assertEqual(answer["server"]["tags"], ["east"])

    def test_a_pack_holds_all_tokens(self):
        server = self.start_with()
        admin = self.admin(server)
        packed = [self.request(admin, "$SYS.REQ.CLAIMS.PACK")]
        while packed[-1]:
            packed.append(self.answer(admin))
        tenants = (self.system, self.tenant)
        self.assertEqual(
            sorted(packed[:-1]),
            sorted(f"{each.public}|{self.stored(each)}".encode() for each in tenants),
        )

    def test_who_has_the_same_needs_no_pack(self):
        server = self.start_with()
        admin = self.admin(server)
        whole = 0
        for each in (self.system, self.tenant):
            whole ^= int.from_bytes(hashlib.sha256(self.stored(each).encode()).digest(), "big")
        digest = whole.to_bytes(32, "big")
        admin.send(b"PUB $SYS.REQ.CLAIMS.PACK reply 32\r\n" + digest + b"\r\n")
        self.assertEqual(self.answer(admin), b"")
        admin.expect_quiet()

    def test_only_the_system_account_is_answered(self):
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        wire.send("SUB reply 9\r\n")
        for request in ("LIST", "PACK", "DELETE", "UPDATE"):
            wire.send(f"PUB $SYS.REQ.CLAIMS.{request} reply 0\r\n\r\n")
        wire.send(f"PUB $SYS.REQ.ACCOUNT.{self.tenant.public}.CLAIMS.LOOKUP reply 0\r\n\r\n")
        wire.expect_quiet()
        self.accept(server, User(self.tenant))  # whatever was asked has been carried out by now
        wire.expect_quiet()


class DeleteTest(DirectoryCase):
    def test_a_deleted_account_is_gone(self):
        server = self.start_with(settings=", allow_delete: true")
        admin, wire = self.admin(server), self.accept(server, User(self.tenant))
        answer = self.delete(admin, self.tenant)
        self.assertEqual(answer["data"], {"code": 200, "message": "deleted 1 accounts"})
        wire.expect("-ERR 'Account Authentication Expired'\r\n")
        wire.expect_end()
        self.assertIsNone(self.stored(self.tenant))
        self.assertTrue(os.path.exists(self.path(self.tenant.public) + ".deleted"))
        self.refuse(server, User(self.tenant))
        listed = json.loads(self.request(admin, "$SYS.REQ.CLAIMS.LIST"))["data"]
        self.assertEqual(listed, [self.system.public])
        # It may come back.
        self.tenant.claims = {"iat": now() + 1}
        self.assertEqual(self.update(admin, self.tenant)["data"]["message"], "jwt updated")
        self.accept(server, User(self.tenant))

    def test_the_leafnodes_of_a_deleted_account_are_told(self):
        more = "leafnodes { listen: 127.0.0.1:-1 }"
        server = self.start_with(settings=", allow_delete: true", more=more)
        match, _ = server.log.wait(r"Listening for leafnode connections on \S+:(\d+)")
        leaf = LeafPeer(int(match.group(1))).setup_spoke()
        self.addCleanup(leaf.close)
        leaf.send_connect(**User(self.tenant).connect_fields(leaf.read_info()["nonce"]))
        self.assertIs(leaf.read_op(own=True).json["connect_info"], True)
        leaf.drain(own=True)
        self.delete(self.admin(server), self.tenant)
        leaf.expect_error("Account Authentication Expired")
        server.log.wait("Leafnode connection closed: Authentication Expired")

    @differs("2.9.10", "later servers know hard_delete")
    def test_a_hard_delete_leaves_no_file(self):
        server = self.start_with(settings=", allow_delete: true, hard_delete: true")
        self.delete(self.admin(server), self.tenant)
        self.assertEqual(os.listdir(self.directory), [self.system.public + ".jwt"])

    def test_what_is_not_there_is_deleted_as_well(self):
        server = self.start_with(settings=", allow_delete: true")
        answer = self.delete(self.admin(server), Tenant(self.operator, "stranger"))
        self.assertEqual(answer["data"]["message"], "deleted 1 accounts")

    def test_deleting_must_be_allowed(self):
        server = self.start_with()
        answer = self.delete(self.admin(server), self.tenant)
        self.assertEqual(
            answer["error"],
            {
                "code": 500,
                "description": f"delete accounts request by {self.operator.public} failed - "
                "delete must be enabled in server config",
            },
        )
        self.assertIsNotNone(self.stored(self.tenant))

    def test_only_an_operator_deletes(self):
        server = self.start_with(settings=", allow_delete: true")
        admin = self.admin(server)
        stranger = Key("operator")
        for why, answer in {
            "not trusted": self.delete(admin, self.tenant, signer=stranger),
            "not self signed": self.delete(admin, self.tenant, subject=stranger.public),
            "not allowed to delete system account": self.delete(admin, self.system),
            "malformed request": self.delete(admin, accounts=[5]),
        }.items():
            self.assertTrue(answer["error"]["description"].endswith(f" failed - {why}"), answer)
        for body in (self.deletion(), self.deletion(accounts="x"), self.deletion(accounts=["../x"])):
            answer = json.loads(self.request(admin, "$SYS.REQ.CLAIMS.DELETE", body))
            self.assertIn("malformed request", answer["error"]["description"])
        answer = json.loads(self.request(admin, "$SYS.REQ.CLAIMS.DELETE", "x"))
        self.assertIn("expected 3 chunks", answer["error"]["description"])
        self.accept(server, User(self.tenant))


class ConfigTest(DirectoryCase):
    def fails(self, settings, text, kind="full"):
        config = self.directory_config(kind=kind, settings=settings)
        path = os.path.join(self.folder(), "c.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        code, _, error = self.run_once("-p", "-1", "-c", path)
        self.assertEqual(code, 1)
        self.assertIn(text, error)

    def test_settings_must_fit_the_type(self):
        self.fails(", ttl: '1m'", "FULL does not accept ttl")
        self.fails(", interval: '1m'", "CACHE does not accept sync", kind="cache")
        self.fails(", allow_delete: true", "CACHE does not accept allow_delete", kind="cache")
        self.fails(", timeout: '0s'", "Fetch timeout 0s is too smal")

    def test_a_file_is_no_directory(self):
        path = os.path.join(self.folder(), "jwt")
        with open(path, "w", encoding="ascii"):
            pass
        config = os.path.join(self.folder(), "c.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(self.config(resolver=f"{{ type: full, dir: '{path}' }}"))
        code, _, error = self.run_once("-p", "-1", "-c", config)
        self.assertEqual(code, 1)
        self.assertIn("dir needs to point to an accessible directory", error)

    @differs("2.9.10", "has other servers to ask")
    def test_what_is_for_other_servers_is_said_to_be_idle(self):
        server = self.start_with(settings=", interval: '1m', timeout: '1s'")
        for name in ("interval", "timeout"):
            server.log.wait(f'"resolver {name}" is accepted, but not active in this version')


if __name__ == "__main__":
    main()
