#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operator mode: who enters with which token, what it may do then, and when it ends."""

import base64
import http.server
import json
import os
import signal
import ssl
import tempfile
import threading
import time

from support.case import differs, main
from support.nkeys import UNLIMITED, USER_UNLIMITED, Key, Tenant, User
from support.operators import VIOLATION, OperatorCase, now
from support.tls import Certificates


def exported(subject, kind, **more):
    return {"name": subject, "subject": subject, "type": kind, **more}


def imported(tenant, subject, kind, **more):
    return {"name": subject, "account": tenant.public, "subject": subject, "type": kind, **more}


class ExchangeTest(OperatorCase):
    """Imports and exports in claims, and the limit of connections."""

    def start_exchange(self, exports, imports, **limits):
        self.exporter = Tenant(self.operator, "EXP", exports=exports)
        self.importer = Tenant(self.operator, "IMP", limits={**UNLIMITED, **limits})
        self.importer.nats["imports"] = imports(self.exporter)
        server = self.start_with(self.exporter, self.importer)
        return server, self.accept(server, User(self.importer))

    def test_a_stream_crosses_accounts(self):
        server, importer = self.start_exchange(
            [exported("feed.>", "stream")],
            lambda exporter: [imported(exporter, "feed.>", "stream", to="pre")],
        )
        importer.send("SUB pre.feed.x 1\r\n")
        importer.expect_quiet()
        exporter = self.accept(server, User(self.exporter))
        exporter.send("PUB feed.x 1\r\na\r\n")
        exporter.expect_quiet()
        importer.expect_message("pre.feed.x", 1, b"a")

    def test_a_service_answers_another_account(self):
        server, importer = self.start_exchange(
            [exported("svc", "service")],
            lambda exporter: [imported(exporter, "ask", "service", to="svc")],
        )
        exporter = self.accept(server, User(self.exporter))
        exporter.send("SUB svc 1\r\n")
        exporter.expect_quiet()
        importer.send("SUB inbox 1\r\nPUB ask inbox 1\r\n?\r\n")
        reply = exporter.expect_line(r"MSG svc 1 (_R_\.\S+) 1").group(1)
        exporter.expect("?\r\n")
        exporter.send(f"PUB {reply} 1\r\n!\r\n")
        importer.expect_message("inbox", 1, b"!")

    def activation(self, subject, importer, signer, **claims):
        nats = {"subject": subject, "kind": "stream"}
        return signer.token(importer.public, "activation", nats, **claims)

    def test_a_private_export_needs_a_token_until_that_ends(self):
        server, importer = self.start_exchange(
            [exported("feed.>", "stream", token_req=True)],
            lambda exporter: [
                imported(exporter, "feed.>", "stream",
                         token=self.activation("feed.>", self.importer, exporter.key, exp=now() + 3))
            ],
        )  # fmt: skip
        exporter = self.accept(server, User(self.exporter))
        importer.send("SUB feed.x 1\r\n")
        importer.expect_quiet()
        exporter.send("PUB feed.x 1\r\na\r\n")
        exporter.expect_quiet()
        importer.expect_message("feed.x", 1, b"a")

        def ended():
            exporter.send("PUB feed.x 1\r\nb\r\nPING\r\n")
            exporter.expect("PONG\r\n")
            importer.send("PING\r\n")
            if importer.read_line() == b"PONG":
                return True
            importer.expect("b\r\nPONG\r\n")
            return False

        self.wait_for(ended, "the end of the activation token")

    @differs("2.9.10", "one such token spoils the whole account")
    def test_a_token_of_somebody_else_activates_nothing(self):
        server, importer = self.start_exchange(
            [exported("feed.>", "stream", token_req=True)],
            lambda exporter: [
                imported(exporter, "feed.>", "stream",
                         token=self.activation("feed.>", self.importer, self.importer.key))
            ],
        )  # fmt: skip
        importer.send("SUB feed.x 1\r\n")
        importer.expect_quiet()
        exporter = self.accept(server, User(self.exporter))
        exporter.send("PUB feed.x 1\r\na\r\n")
        exporter.expect_quiet()
        importer.expect_quiet()

    def test_an_account_has_so_many_connections(self):
        server, _ = self.start_exchange([], lambda exporter: [], conn=1)
        wire = self.login(server, User(self.importer))
        wire.expect("-ERR 'maximum account active connections exceeded'\r\n")
        wire.expect_end()


class LoginTest(OperatorCase):
    def test_info_asks_for_a_signed_nonce(self):
        info = self.wire(self.start_with()).read_info()
        self.assertTrue(info["auth_required"])
        self.assertRegex(info["nonce"], r"^[A-Za-z0-9_-]{15}$")

    def test_a_user_of_its_account_enters(self):
        server = self.start_with()
        one, two = (self.accept(server, User(self.tenant)) for _ in range(2))
        one.send("SUB hello 1\r\n")
        one.expect_quiet()
        two.send("PUB hello 2\r\nhi\r\n")
        one.expect_message("hello", 1, b"hi")

    def test_accounts_do_not_hear_each_other(self):
        other = Tenant(self.operator, "B")
        server = self.start_with(self.tenant, other)
        one, two = self.accept(server, User(self.tenant)), self.accept(server, User(other))
        one.send("SUB > 1\r\n")
        one.expect_quiet()
        two.send("PUB hello 2\r\nhi\r\n")
        two.expect_quiet()
        one.expect_quiet()

    def test_tokens_of_version_1_enter(self):
        server = self.start_with()
        self.accept(server, User(self.tenant, version=1))
        token = self.tenant.operator.token(
            self.tenant.public, "account", {"limits": UNLIMITED}, version=1
        )
        server = self.start_with((self.tenant.public, token))
        self.accept(server, User(self.tenant, version=1))
        self.accept(server, User(self.tenant))

    def test_standard_base64_signs_as_well(self):
        server = self.start_with()
        user = User(self.tenant)
        wire = self.wire(server)
        nonce = wire.read_info()["nonce"]
        signature = base64.b64encode(user.key.sign(nonce)).decode()
        fields = {"verbose": False, "jwt": user.token, "sig": signature}
        wire.send("CONNECT " + json.dumps(fields) + "\r\n")
        wire.expect_quiet()

    def test_without_a_token_nobody_enters(self):
        server = self.start_with()
        self.refuse(server, None, "Authentication requires a user JWT")
        self.refuse(server, None, **{"pass": "b"})
        self.refuse(server, None, auth_token="t")

    def test_a_token_must_be_one(self):
        server = self.start_with()
        user = User(self.tenant)
        head, claims, signature = user.token.split(".")
        bad = "A" if signature[0] != "A" else "B"
        for text in (
            "x",
            "a.b",
            f"{head}.{claims}",
            f"{user.token}.x",
            f"{head}.{claims}.{bad}{signature[1:]}",
            f"{head}.{claims}.",
            f"{claims}.{claims}.{signature}",
            self.tenant.token(),
        ):
            self.refuse(server, user, jwt=text)
        server.log.wait("User JWT not valid: expected 3 chunks")
        server.log.wait("User JWT not valid: claim failed V2 signature verification")
        server.log.wait("User JWT not valid: not user claim")

    def test_the_nonce_must_be_signed_with_the_users_key(self):
        server = self.start_with()
        user = User(self.tenant)
        self.refuse(server, user, "Signature missing", sig="")
        self.refuse(server, user, "Signature not valid base64", sig="!!!")
        self.refuse(server, user, "Signature not verified", sig="AAAA")
        stranger = Key("user")
        self.refuse(server, User(self.tenant, key=stranger), "Signature not verified",
                    sig=User(self.tenant).connect_fields("x")["sig"])  # fmt: skip

    def test_a_bearer_token_needs_no_signature(self):
        server = self.start_with()
        self.accept(server, User(self.tenant, {"bearer_token": True}), sig="")

    def test_an_account_may_refuse_bearer_tokens(self):
        self.tenant.nats["limits"] = {**UNLIMITED, "disallow_bearer": True}
        server = self.start_with()
        user = User(self.tenant, {"bearer_token": True})
        self.refuse(server, user, "Account does not allow bearer token")

    def test_an_unknown_account_is_refused(self):
        server = self.start_with()
        user = User(Tenant(self.operator, "stranger"))
        self.refuse(server, user, "Account fetch failed: account missing")

    def test_an_account_of_another_operator_is_refused(self):
        stranger = Tenant(Key("operator"), "stranger")
        server = self.start_with(self.tenant, stranger)
        self.refuse(server, User(stranger), "Account JWT lookup error: account validation failed")

    def test_a_self_signed_account_is_refused(self):
        stranger = Tenant(None, "stranger")
        stranger.operator = stranger.key
        server = self.start_with(self.tenant, stranger)
        self.refuse(server, User(stranger), "account validation failed")

    def test_an_account_under_a_strange_name_is_refused(self):
        other = Tenant(self.operator, "B")
        server = self.start_with((other.public, self.tenant.token()))
        self.refuse(server, User(other), "account validation failed")

    def test_no_client_names_its_account(self):
        server = self.start_with()
        self.refuse(server, User(self.tenant), account=self.system.public)

    def test_an_operator_signs_with_its_signing_key(self):
        signing = Key("operator")
        token = self.tenant.token(signer=signing)
        nats = {"signing_keys": [signing.public], "strict_signing_key_usage": True}
        self.system.operator = signing
        account_key = Key("account")
        other = Tenant(signing, "B", signing_keys=[account_key.public])
        server = self.start_with(
            (self.tenant.public, token), (other.public, other.token()), operator_nats=nats
        )
        self.refuse(server, User(self.tenant), "User JWT issuer is not known")
        self.accept(server, User(other, signer=account_key))

    def test_trusted_keys_stand_in_for_an_operator_file(self):
        config = "\n".join(
            [
                f"trusted_keys: [{self.operator.public}]",
                "resolver: MEMORY",
                f"resolver_preload: {{ {self.tenant.public}: {self.tenant.token()} }}",
            ]
        )
        server = self.start("-DV", config=config)
        self.accept(server, User(self.tenant))


class SigningKeyTest(OperatorCase):
    def test_a_signing_key_signs_users(self):
        signer = Key("account")
        self.tenant.nats["signing_keys"] = [signer.public]
        server = self.start_with()
        self.accept(server, User(self.tenant, signer=signer))
        self.accept(server, User(self.tenant, signer=signer, version=1))
        self.refuse(server, User(self.tenant, signer=Key("account")), "issuer is not known")

    def test_a_scoped_key_gives_its_template(self):
        signer = Key("account")
        template = {
            "pub": {"allow": ["team.{{tag(team)}}.>", "me.{{name()}}"]},
            "sub": {"allow": ["{{subject()}}.in", "in.{{account-name()}}"]},
            "subs": 2,
            "payload": 8,
            "data": -1,
        }
        scope = {"kind": "user_scope", "key": signer.public, "role": "r", "template": template}
        self.tenant.nats["signing_keys"] = [scope]
        server = self.start_with()
        user = User(self.tenant, {}, signer=signer, name="joe")
        # No claims of its own: as tools write such users.
        user.token = signer.token(
            user.key.public,
            "user",
            {"issuer_account": self.tenant.public, "tags": ["team:red", "team:blue"]},
            name="joe",
        )
        wire = self.accept(server, user)
        for subject in ("team.red.x", "team.blue.y", "me.joe"):
            wire.send(f"PUB {subject} 1\r\nx\r\n")
        wire.expect_quiet()
        for subject in ("team.green.x", "me.jim"):
            wire.send(f"PUB {subject} 1\r\nx\r\n")
            wire.expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
        wire.send(f"SUB {user.key.public}.in 1\r\nSUB in.A 2\r\n")
        wire.expect_quiet()
        wire.send("SUB in.A 3\r\n")
        wire.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        wire.send("PUB me.joe 9\r\n123456789\r\n")
        wire.expect("-ERR 'Maximum Payload Violation'\r\n")

    @differs("2.9.10", "only whole tokens are places")
    def test_a_place_of_a_template_may_be_part_of_a_token(self):
        signer = Key("account")
        template = {
            "pub": {"allow": ["KV_{{name()}}.>", "t.{{tag(team)}}-{{tag(team)}}"]},
            "subs": -1,
            "payload": -1,
            "data": -1,
        }
        scope = {"kind": "user_scope", "key": signer.public, "role": "r", "template": template}
        self.tenant.nats["signing_keys"] = [scope]
        server = self.start_with()
        user = User(self.tenant, {}, signer=signer)
        nats = {"issuer_account": self.tenant.public, "tags": ["team:red", "team:blue"]}
        user.token = signer.token(user.key.public, "user", nats, name="joe")
        wire = self.accept(server, user)
        for subject in ("KV_joe.x", "t.red-red", "t.blue-blue"):
            wire.send(f"PUB {subject} 1\r\nx\r\n")
        wire.expect_quiet()
        for subject in ("KV_jim.x", "t.red-blue"):
            wire.send(f"PUB {subject} 1\r\nx\r\n")
            wire.expect(f"-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
        template["pub"]["allow"].append("a.{{unknown()}}")
        self.refuse(self.start_with(), user)

    def test_a_user_of_a_scoped_key_claims_nothing_itself(self):
        signer = Key("account")
        scope = {"kind": "user_scope", "key": signer.public, "template": {"subs": -1, "payload": -1}}
        self.tenant.nats["signing_keys"] = [scope]
        server = self.start_with()
        user = User(self.tenant, {"pub": {"allow": [">"]}}, signer=signer)
        self.refuse(server, user, "scoped users require no permissions or limits set")


class RightsTest(OperatorCase):
    def test_permissions_of_the_token_hold(self):
        server = self.start_with()
        rights = {"pub": {"allow": ["a.>"], "deny": ["a.x"]}, "sub": {"deny": ["secret"]}}
        wire = self.accept(server, User(self.tenant, rights))
        wire.send("PUB a.b 1\r\nx\r\n")
        wire.expect_quiet()
        wire.send("PUB a.x 1\r\nx\r\n")
        wire.expect("-ERR 'Permissions Violation for Publish to \"a.x\"'\r\n")
        wire.send("SUB secret 1\r\n")
        wire.expect("-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n")

    def test_an_account_has_permissions_for_users_without(self):
        self.tenant.nats["default_permissions"] = {"pub": {"deny": ["x"]}, "sub": {}}
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        wire.send("PUB x 1\r\nx\r\n")
        wire.expect("-ERR 'Permissions Violation for Publish to \"x\"'\r\n")
        wire = self.accept(server, User(self.tenant, {"sub": {"deny": ["y"]}}))
        wire.send("PUB x 1\r\nx\r\n")
        wire.expect_quiet()

    def test_responses_may_be_allowed(self):
        server = self.start_with()
        rights = {"sub": {"allow": ["q"]}, "resp": {"max": 1, "ttl": 0}}
        service = self.accept(server, User(self.tenant, rights))
        service.send("SUB q 1\r\n")
        service.expect_quiet()
        client = self.accept(server, User(self.tenant))
        client.send("SUB in 1\r\nPUB q in 1\r\n?\r\n")
        service.expect_message("q", 1, b"?", "in")
        service.send("PUB in 1\r\n!\r\nPUB in 1\r\n!\r\n")
        client.expect_message("in", 1, b"!")
        service.expect("-ERR 'Permissions Violation for Publish to \"in\"'\r\n")

    def test_limits_of_user_and_account_hold_the_lower_one(self):
        self.tenant.nats["limits"] = {**UNLIMITED, "subs": 1, "payload": 4}
        server = self.start_with()
        wire = self.accept(server, User(self.tenant, {"subs": 5, "payload": 100}))
        wire.send("SUB a 1\r\n")
        wire.expect_quiet()
        wire.send("SUB b 2\r\n")
        wire.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        wire.send("PUB a 5\r\n12345\r\n")
        wire.expect("-ERR 'Maximum Payload Violation'\r\n")
        wire.expect_end()

    def test_the_servers_own_limits_stay(self):
        server = self.start_with(more="max_payload: 4\nmax_subscriptions: 1\n")
        wire = self.accept(server, User(self.tenant, {"payload": 100, "subs": 2}))
        for name, limit in (("Payload", 4), ("Subscriptions", 1)):
            server.log.wait(f"Max {name} set to {limit} from server overrides account or user config")
        wire.send("SUB a 1\r\n")
        wire.expect_quiet()
        wire.send("SUB b 2\r\n")
        wire.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        wire.send("PUB a 5\r\n12345\r\n")
        wire.expect("-ERR 'Maximum Payload Violation'\r\n")

    def test_no_subscriptions_at_all_end_the_connection(self):
        self.tenant.nats["limits"] = {**UNLIMITED, "subs": 0}
        server = self.start_with()
        wire = self.login(server, User(self.tenant))
        wire.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        wire.expect_end()

    def test_a_negative_limit_allows_nothing(self):
        for limit, what in (("conn", "maximum account active connections exceeded"),
                            ("subs", "maximum subscriptions exceeded")):  # fmt: skip
            self.tenant.nats["limits"] = {**UNLIMITED, limit: -2}
            wire = self.login(self.start_with(), User(self.tenant))
            wire.expect(f"-ERR '{what}'\r\n")
            wire.expect_end()
        self.tenant.nats["limits"] = {**UNLIMITED, "payload": -2}
        wire = self.accept(self.start_with(), User(self.tenant, {"payload": 100}))
        wire.send("PUB a 1\r\n1\r\n")
        wire.expect("-ERR 'Maximum Payload Violation'\r\n")
        self.tenant.nats["limits"] = UNLIMITED
        wire = self.login(self.start_with(), User(self.tenant, {"subs": -2}))
        wire.expect("-ERR 'maximum subscriptions exceeded'\r\n")
        wire.expect_end()

    def test_users_come_from_their_networks(self):
        server = self.start_with()
        self.accept(server, User(self.tenant, {"src": ["10.0.0.0/8", "127.0.0.0/8"]}))
        self.accept(server, User(self.tenant, {"src": "127.0.0.1/32"}))
        user = User(self.tenant, {"src": ["10.0.0.0/8", "::1/128"]})
        self.refuse(server, user, "Bad src Ip 127.0.0.1")
        self.refuse(server, User(self.tenant, {"src": ["localhost"]}), "User JWT no longer valid")

    def test_users_come_at_their_time(self):
        server = self.start_with()
        hour = time.gmtime().tm_hour
        if time.gmtime().tm_min > 58:
            hour = (hour + 1) % 24  # no range ends in the middle of the test

        def times(start, end):
            ranges = [{"start": f"{start % 24:02}:00:00", "end": f"{end % 24:02}:59:59"}]
            return User(self.tenant, {"times": ranges, "times_location": "UTC"})

        if 1 <= hour <= 22:
            self.accept(server, times(hour - 1, hour + 1))
        self.refuse(server, times(hour + 2, hour + 3), "Outside connect times")
        bad = User(self.tenant, {"times": [{"start": "25:00:00", "end": "1"}]})
        self.refuse(server, bad, "User JWT no longer valid")

    def test_a_token_opens_no_file(self):
        """Anybody can sign a token for an account of their own; who reads a pipe waits for ever."""
        server = self.start_with()
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "pipe")
            os.mkfifo(pipe)
            stranger = Tenant(Key("operator"), "STRANGER")
            for zone in (pipe, f"file:{pipe}", "../" * 9 + pipe):
                self.refuse(server, User(stranger, {"times_location": zone}), "User JWT no longer valid")
        self.accept(server, User(self.tenant))

    def test_connection_types_count(self):
        server = self.start_with()
        self.accept(server, User(self.tenant, {"allowed_connection_types": ["STANDARD", "MQTT"]}))
        self.accept(server, User(self.tenant, {"allowed_connection_types": ["standard"]}))
        for types in (["WEBSOCKET"], ["NO_SUCH_TYPE"]):
            self.refuse(server, User(self.tenant, {"allowed_connection_types": types}))


class TimeTest(OperatorCase):
    def test_an_expired_user_is_refused(self):
        server = self.start_with()
        self.refuse(server, User(self.tenant, exp=now() - 10), "User JWT no longer valid")

    def test_a_user_of_tomorrow_is_refused(self):
        server = self.start_with()
        self.refuse(server, User(self.tenant, nbf=now() + 1000), "User JWT no longer valid")

    def test_an_expired_account_is_refused(self):
        self.tenant.claims["exp"] = now() - 10
        server = self.start_with()
        self.refuse(server, User(self.tenant), "account validation failed")

    def test_a_user_is_closed_when_its_time_is_over(self):
        server = self.start_with()
        end = now() + 2
        wire = self.accept(server, User(self.tenant, exp=end))
        wire.expect("-ERR 'User Authentication Expired'\r\n")
        self.assertGreaterEqual(time.time(), end - 1)
        self.assertLess(time.time(), end + 2)
        wire.expect_end()
        server.log.wait("Client connection closed: Authentication Expired")

    def test_an_account_is_closed_when_its_time_is_over(self):
        self.tenant.claims["exp"] = now() + 2
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        wire.expect("-ERR 'Account Authentication Expired'\r\n")
        wire.expect_end()
        self.refuse(server, User(self.tenant))

    @differs("2.9.10", "the time overflows, the user is closed at once")
    def test_times_far_away_do_no_harm(self):
        server = self.start_with()
        wire = self.accept(server, User(self.tenant, exp=2**62))
        wire.send("SUB inbox 1\r\nPUB $SYS.REQ.USER.INFO inbox 0\r\n\r\n")
        match = wire.expect_line(r"MSG inbox 1  ?(\d+)")
        answer = json.loads(wire.read(int(match.group(1)) + 2))
        self.assertGreater(answer["data"]["expires"], 2**62)  # as much as nanoseconds can say
        wire.expect_quiet()


class ChangeTest(OperatorCase):
    """Claims that change while clients are connected."""

    def updated(self, server, admin, token, subject="$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", key=None):
        """Sends new claims; returns the answer."""
        subject = subject.format(key or self.tenant.public)
        admin.send(f"PUB {subject} reply {len(token)}\r\n{token}\r\n")
        match = admin.expect_line(r"MSG reply 9  ?(\d+)")
        answer = json.loads(admin.read(int(match.group(1))))
        admin.read(2)
        return answer

    def admin(self, server):
        wire = self.accept(server, User(self.system))
        wire.send("SUB reply 9\r\n")
        wire.expect_quiet()
        return wire

    def test_a_revoked_user_is_closed_and_refused(self):
        server = self.start_with()
        user, other = User(self.tenant), User(self.tenant)
        wire, stays = self.accept(server, user), self.accept(server, other)
        token = self.tenant.token(revocations={user.key.public: now() + 1})
        answer = self.updated(server, self.admin(server), token)
        self.assertEqual(answer["data"]["message"], "jwt updated")
        self.assertEqual(answer["data"]["account"], self.tenant.public)
        self.assertEqual(answer["data"]["code"], 200)
        wire.expect("-ERR 'User Authentication Revoked'\r\n")
        wire.expect_end()
        server.log.wait("Client connection closed: Credentials Revoked")
        self.refuse(server, user, "User authentication revoked")
        stays.expect_quiet()
        self.accept(server, User(self.tenant, key=user.key, iat=now() + 5))

    def test_all_users_may_be_revoked(self):
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        token = self.tenant.token(revocations={"*": now() + 1})
        self.updated(server, self.admin(server), token, "$SYS.ACCOUNT.{}.CLAIMS.UPDATE")
        wire.expect("-ERR 'User Authentication Revoked'\r\n")

    def test_users_of_a_removed_signing_key_are_closed(self):
        signer = Key("account")
        self.tenant.nats["signing_keys"] = [signer.public]
        server = self.start_with()
        wire = self.accept(server, User(self.tenant, signer=signer))
        stays = self.accept(server, User(self.tenant))
        self.updated(server, self.admin(server), self.tenant.token(signing_keys=[]))
        wire.read_to_end()
        server.log.wait("Client connection closed: Authentication Failure")
        stays.expect_quiet()

    def test_new_limits_hold_at_once(self):
        server = self.start_with()
        here = self.accept(server, User(self.tenant))
        limits = {**UNLIMITED, "payload": 4, "subs": 1}
        self.updated(server, self.admin(server), self.tenant.token(limits=limits))
        new = self.accept(server, User(self.tenant))
        new.send("PUB a 5\r\n12345\r\n")
        new.expect("-ERR 'Maximum Payload Violation'\r\n")

        # Clients that were there are checked again in their own time.
        def limited():
            here.send("SUB a 1\r\nSUB b 2\r\nUNSUB 1\r\nUNSUB 2\r\nPING\r\n")
            violated = here.read_line() != b"PONG"
            if violated:
                here.expect("PONG\r\n")
            return violated

        self.wait_for(limited, "the new limit of subscriptions")

    @differs("2.9.10", "it closes any of them")
    def test_a_lower_limit_closes_the_youngest_connections(self):
        server = self.start_with()
        wires = [self.accept(server, User(self.tenant)) for _ in range(6)]
        limits = {**UNLIMITED, "conn": 3}
        self.updated(server, self.admin(server), self.tenant.token(limits=limits))
        for wire in wires[3:]:
            wire.expect("-ERR 'maximum account active connections exceeded'\r\n")
            wire.expect_end()
        for wire in wires[:3]:
            wire.expect_quiet()

    def test_bad_claims_change_nothing(self):
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        admin = self.admin(server)
        other = Tenant(self.operator, "B")
        stranger = self.tenant.token(signer=Key("operator"), revocations={"*": now() + 1})
        for token in ("", "x", other.token(), stranger):
            answer = self.updated(server, admin, token)
            self.assertEqual(answer["error"]["code"], 500, answer)
        answer = self.updated(server, admin, other.token(), key=other.public)
        self.assertEqual(answer["data"]["message"], "jwt update skipped")
        wire.expect_quiet()
        self.accept(server, User(self.tenant))

    def test_only_the_system_account_may_change_claims(self):
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        token = self.tenant.token(revocations={"*": now() + 1})
        wire.send(f"PUB $SYS.REQ.ACCOUNT.{self.tenant.public}.CLAIMS.UPDATE {len(token)}\r\n{token}\r\n")
        wire.expect_quiet()
        self.accept(server, User(self.tenant))

    def test_a_reload_brings_new_preloads(self):
        other = Tenant(self.operator, "B")
        server = self.start_with(self.tenant, other)
        wire, stays = self.accept(server, User(self.tenant)), self.accept(server, User(other))
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(self.config(other))
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        wire.expect(VIOLATION)
        wire.expect_end()
        stays.expect_quiet()
        self.refuse(server, User(self.tenant))


    def test_pinned_accounts_hold_from_a_reload_on(self):
        other = Tenant(self.operator, "B")
        tenants = (self.tenant, other)
        server = self.start_with(*tenants, more=f"resolver_pinned_accounts: [{self.tenant.public}]")
        self.accept(server, User(self.tenant))
        self.accept(server, User(self.system))  # always
        self.refuse(server, User(other), "not listed as operator pinned account")
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(self.config(*tenants, more=f"resolver_pinned_accounts: [{other.public}]"))
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        self.accept(server, User(other))
        self.accept(server, User(self.system))
        self.refuse(server, User(self.tenant))


class Accounts(http.server.ThreadingHTTPServer):
    """Accounts behind a URL: what `answers` has for a path, a status, or an Event to wait for first."""

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), AccountsHandler)
        self.scheme = "http"
        if context:
            self.scheme = "https"
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answers = {}
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a server that did not wait

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/accounts/"


class AccountsHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rsplit("/", 1)[1]
        self.server.asked.append(name)
        answer = self.server.answers.get(name, 404)
        if callable(answer):
            return answer(self)
        if isinstance(answer, threading.Event):
            answer.wait(20)
            answer = 503
        status = answer if isinstance(answer, int) else 200
        body = b"" if status != 200 else answer.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ResolverTlsTest(OperatorCase):
    """resolver_tls: how requests to an https URL are made."""

    def setUp(self):
        super().setUp()
        self.certificates = Certificates(self.folder())

    def serve(self, verify=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.cert, self.certificates.key)
        if verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificates.ca)
        accounts = Accounts(context)
        self.addCleanup(accounts.server_close)
        self.addCleanup(accounts.shutdown)
        accounts.answers[""] = "hello"
        for tenant in (self.system, self.tenant):
            accounts.answers[tenant.public] = tenant.token()
        return accounts

    def config_with(self, accounts, *lines):
        block = "\n".join(["resolver_tls {", *lines, "}", ""]) if lines else ""
        return self.config(resolver=f'URL("{accounts.url}")') + block

    def fails_to_start(self, config, why):
        path = os.path.join(self.folder(), "c.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(config)
        code, _, error = self.run_once("-p", "-1", "-c", path)
        self.assertEqual(code, 1)
        self.assertIn(why, error)

    def test_the_ca_of_the_block_is_believed(self):
        accounts = self.serve()
        server = self.start(config=self.config_with(accounts, f'ca_file: "{self.certificates.ca}"'))
        self.accept(server, User(self.tenant))

    def test_insecure_believes_anybody(self):
        server = self.start(config=self.config_with(self.serve(), "insecure: true"))
        self.accept(server, User(self.tenant))

    @differs("2.9.10", "min_version came with 2.10.21")
    def test_the_certificate_of_the_block_is_shown(self):
        accounts = self.serve(verify=True)
        cert, key = self.certificates.issue("resolver", "/CN=resolver", "DNS:resolver")
        server = self.start(config=self.config_with(
            accounts, f'ca_file: "{self.certificates.ca}"', f'cert_file: "{cert}"',
            f'key_file: "{key}"', 'min_version: "1.3"'))  # fmt: skip
        self.accept(server, User(self.tenant))

    def test_a_stranger_is_not_believed(self):
        for lines in ((), ("insecure: false",)):
            with self.subTest(lines=lines):
                self.fails_to_start(self.config_with(self.serve(), *lines), "certificate")

    def test_a_ca_file_must_be_there(self):
        config = self.config_with(self.serve(), 'ca_file: "/no/such.pem"')
        self.fails_to_start(config, "/no/such.pem: no such file or directory")


class UrlResolverTest(OperatorCase):
    def setUp(self):
        super().setUp()
        self.accounts = Accounts()
        self.addCleanup(self.accounts.server_close)
        self.addCleanup(self.accounts.shutdown)
        self.accounts.answers[""] = "hello"
        for tenant in (self.system, self.tenant):
            self.accounts.answers[tenant.public] = tenant.token()

    def start_with(self, *_, **options):
        resolver = f"URL({self.accounts.url})"
        return self.start("-DV", config=self.config(resolver=resolver, **options))

    def test_an_account_is_fetched_once(self):
        server = self.start_with()
        for _ in range(3):
            self.accept(server, User(self.tenant))
        self.assertEqual(self.accounts.asked.count(self.tenant.public), 1)
        server.log.wait(rf"Account \[{self.tenant.public}\] fetch took ")

    def test_a_missing_account_is_refused(self):
        server = self.start_with()
        user = User(Tenant(self.operator, "stranger"))
        self.refuse(server, user, r"Account fetch failed: could not fetch <\"http://.*404 Not Found")

    def redirect(self, place):
        def answer(handler):
            handler.send_response(302)
            handler.send_header("Location", place)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return answer

    def test_redirects_are_followed_for_a_while(self):
        moved, lost = Tenant(self.operator, "moved"), Tenant(self.operator, "lost")
        self.accounts.answers[moved.public] = self.redirect("/accounts/there")
        self.accounts.answers["there"] = moved.token()
        self.accounts.answers[lost.public] = self.redirect(f"/accounts/{lost.public}")
        server = self.start_with()
        self.accept(server, User(moved))
        self.refuse(server, User(lost), "redirects")

    def test_garbage_is_refused(self):
        other = Tenant(self.operator, "B")
        self.accounts.answers[other.public] = "<html>no account</html>"
        server = self.start_with()
        self.refuse(server, User(other), "Account JWT lookup error: expected 3 chunks")
        self.accounts.answers[other.public] = self.tenant.token()
        self.refuse(server, User(other), "account validation failed")
        self.accounts.answers[other.public] = other.token()
        self.accept(server, User(other))

    def test_a_slow_answer_disturbs_nobody(self):
        slow = Tenant(self.operator, "slow")
        event = threading.Event()
        self.addCleanup(event.set)
        self.accounts.answers[slow.public] = event
        server = self.start_with()
        here = self.accept(server, User(self.tenant))
        waits = self.login(server, User(slow))
        self.wait_for(lambda: slow.public in self.accounts.asked, "the request")
        here.send("SUB a 1\r\nPUB a 1\r\nx\r\n")
        here.expect_message("a", 1, b"x")
        self.accept(server, User(self.tenant))  # of an account that is known
        self.assertIn(waits.read_line(), (b"-ERR 'Authorization Violation'",
                                          b"-ERR 'Authentication Timeout'"))  # fmt: skip
        waits.expect_end()

    def test_who_dribbles_headers_or_body_holds_nobody_for_long(self):
        server = self.start_with()
        gone = threading.Semaphore(0)

        def dribble(start):
            def answer(handler):
                try:
                    handler.wfile.write(start)
                    for _ in range(600):
                        handler.wfile.write(b"x")
                        handler.wfile.flush()
                        self.pause.wait(0.05)
                except OSError:  # cut off
                    gone.release()

            return answer

        self.pause = threading.Event()
        self.addCleanup(self.pause.set)
        for start in (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"):
            # More than there are threads that fetch.
            slow = [Tenant(self.operator, f"slow{i}") for i in range(4)]
            for tenant in slow:
                self.accounts.answers[tenant.public] = dribble(start)
            waits = [self.login(server, User(tenant)) for tenant in slow]
            for _ in slow:
                self.assertTrue(gone.acquire(timeout=20))
            for wire in waits:
                wire.read_to_end()
        fresh = Tenant(self.operator, "fresh")
        self.accounts.answers[fresh.public] = fresh.token()
        self.accept(server, User(fresh))

    @differs("2.9.10", "it refuses the account; 2.0.0-RC19 fetches the token")
    def test_an_activation_token_may_lie_behind_a_url(self):
        exporter = Tenant(self.operator, "EXP")
        exporter.nats["exports"] = [exported("feed.>", "stream", token_req=True)]
        nats = {"subject": "feed.>", "kind": "stream"}
        self.accounts.answers["good"] = exporter.key.token(self.tenant.public, "activation", nats)
        self.accounts.answers["forged"] = self.tenant.key.token(self.tenant.public, "activation", nats)
        self.accounts.answers[exporter.public] = exporter.token()
        for name, hears in (("good", True), ("forged", False), ("missing", False)):
            url = self.accounts.url + name
            imports = [imported(exporter, "feed.>", "stream", token=url)]
            self.accounts.answers[self.tenant.public] = self.tenant.token(imports=imports)
            server = self.start_with()
            there, here = self.accept(server, User(self.tenant)), self.accept(server, User(exporter))
            there.send("SUB feed.x 1\r\n")
            there.expect_quiet()
            here.send("PUB feed.x 2\r\nhi\r\n")
            here.expect_quiet()
            if hears:
                there.expect_message("feed.x", 1, b"hi")
            there.expect_quiet()

    def test_new_claims_replace_those_that_were_fetched(self):
        server = self.start_with()
        user = User(self.tenant)
        wire = self.accept(server, user)
        admin = self.accept(server, User(self.system))
        token = self.tenant.token(revocations={user.key.public: now() + 1})
        admin.send(
            f"PUB $SYS.ACCOUNT.{self.tenant.public}.CLAIMS.UPDATE {len(token)}\r\n{token}\r\n"
        )
        wire.expect("-ERR 'User Authentication Revoked'\r\n")

    def test_an_expired_account_is_fetched_again(self):
        self.tenant.claims["exp"] = now() + 2
        self.accounts.answers[self.tenant.public] = self.tenant.token()
        server = self.start_with()
        wire = self.accept(server, User(self.tenant))
        wire.expect("-ERR 'Account Authentication Expired'\r\n")
        self.tenant.claims["exp"] = now() + 1000
        self.accounts.answers[self.tenant.public] = self.tenant.token()
        self.accept(server, User(self.tenant))

    @differs("2.9.10", "it asks for no account again")
    def test_a_reload_does_not_wait_for_the_accounts(self):
        tenants = [self.system, self.tenant] + [Tenant(self.operator, f"T{i}") for i in range(4)]
        for tenant in tenants:
            self.accounts.answers[tenant.public] = tenant.token()
        server = self.start_with()
        for tenant in tenants:
            self.accept(server, User(tenant))
        asked = threading.Semaphore(0)
        event = threading.Event()
        self.addCleanup(event.set)

        def answer_late(handler):
            asked.release()
            event.wait(20)
            handler.send_error(503)

        for tenant in tenants:
            self.accounts.answers[tenant.public] = answer_late
        before = len(self.accounts.asked)
        with open(server.config_file, "w", encoding="utf-8") as out:
            out.write(self.config(resolver=f"URL({self.accounts.url}moved/)"))
        server.send_signal(signal.SIGHUP)
        server.log.wait("Reloaded server configuration")
        # Each request takes two seconds, then the next one comes; the first is for the test of the URL.
        self.assertLess(len(self.accounts.asked) - before, 1 + len(tenants))
        for _ in tenants:
            self.assertTrue(asked.acquire(timeout=20))
        event.set()
        self.accept(server, User(self.tenant))  # no answer changes nothing

    def test_a_url_that_does_not_answer_fails_the_start(self):
        self.accounts.answers[""] = 500
        with open(os.path.join(self.folder(), "c.conf"), "w", encoding="utf-8") as out:
            out.write(self.config(resolver=f"URL({self.accounts.url})"))
        code, _, error = self.run_once("-p", "-1", "-c", out.name)
        self.assertEqual(code, 1)
        self.assertIn("could not fetch", error)


class StartTest(OperatorCase):
    def fails(self, config, text):
        with open(os.path.join(self.folder(), "c.conf"), "w", encoding="utf-8") as out:
            out.write(config)
        code, _, error = self.run_once("-p", "-1", "-c", out.name)
        self.assertEqual(code, 1)
        self.assertRegex(error, text)

    def test_the_operators_are_printed(self):
        server = self.start_with()
        server.log.wait("Trusted Operators")
        server.log.wait('  Operator: "O"')
        server.log.wait("  Issued  : ")
        server.log.wait("  Expires : ")

    def test_an_operator_may_be_a_file(self):
        token = self.operator.token(self.operator.public, "operator", {}, name="O")
        for text in (token, f"-----BEGIN TEST OPERATOR JWT-----\n{token}\n-----END X-----\n"):
            folder = self.folder()
            with open(os.path.join(folder, "o.jwt"), "w", encoding="ascii") as out:
                out.write(text)
            config = "\n".join(
                [
                    f"operator: '{out.name}'",
                    "resolver: MEM",
                    f"resolver_preload: {{ {self.tenant.public}: {self.tenant.token()} }}",
                ]
            )
            server = self.start("-DV", config=config)
            self.accept(server, User(self.tenant))

    def test_what_contradicts_operators_fails_the_start(self):
        token = self.operator.token(self.operator.public, "operator", {}, name="O")
        base = f"operator: {token}\n"
        self.fails(base, "operators require an account resolver to be configured|could not fetch")
        self.fails(base + "resolver: MEM\naccounts { A {} }", "do not allow Accounts")
        users = "authorization { users = [ {user: a, password: b} ] }"
        self.fails(base + "resolver: MEM\n" + users, "do not allow users to be configured")
        self.fails("operator: /no/such/file\nresolver: MEM", "no such file")
        self.fails("operator: eyJ.x.y\nresolver: MEM", ".")
        self.fails(base + f"resolver: MEM\nsystem_account: {self.system.public}", ".")


if __name__ == "__main__":
    main()
