#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts values of every kind behind every key that the reference knows, block by block, and compares by -t.

usage: config_keys.py --server PATH --reference PATH [--reference PATH ...] [--block NAME ...]

A finding is a file that ours takes and all references refuse, or the other way round, unless
`wanted_configs.py` has it with its reason. The keys are those of server/opts.go 2.15.3; a key that ours does
not know shows at once, with whatever value.
"""

import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from configs import VERDICTS, Judge  # noqa: E402
import wanted_configs  # noqa: E402

VALUES = ("true", "5", '"x"', "{ a: 1 }", '[ "x" ]', '"5s"', '"127.0.0.1:5999"')

TLS = (
    "cert_file key_file ca_file insecure verify verify_and_map verify_cert_and_check_known_urls cipher_suites "
    "curve_preferences timeout connection_rate_limit pinned_certs min_version handshake_first first immediate certs "
    "certificates ocsp_peer cert_store cert_match_by cert_match ca_certs_match cert_match_skip_invalid "
    "allow_insecure_cipher_suites nonsense"
)
LINK = "listen port host net authorization tls advertise write_deadline write_timeout ping_interval ping_max nonsense "

# Name of a block: what stands around the key, and the keys.
BLOCKS = {
    "top": (
        "%s\n",
        "listen client_advertise port server_name host net debug trace trace_verbose trace_headers logtime logtime_utc "
        "mappings maps disable_sublist_cache no_sublist_cache accounts default_sentinel authorization http https "
        "http_port monitor_port https_port http_base_path cluster gateway leaf leafnodes store_dir storedir jetstream "
        "logfile log_file logfile_size_limit log_size_limit logfile_max_num log_max_num syslog remote_syslog pidfile "
        "pid_file ports_file_dir prof_port prof_block_rate max_control_line max_payload max_pending proxy_protocol "
        "max_connections max_conn max_traced_msg_len max_subscriptions max_subs max_sub_tokens "
        "max_subscription_tokens ping_interval ping_max tls ocsp allow_non_tls write_deadline write_timeout "
        "lame_duck_duration lame_duck_grace_period operator operators root resolver account_resolver resolver_tls "
        "resolver_preload resolver_pinned_accounts no_auth_user system_account system no_system_account no_system "
        "no_sys_acc no_header_support trusted trusted_keys connect_error_reports reconnect_error_reports websocket ws "
        "mqtt server_tags server_metadata feature_flags default_js_domain ocsp_cache no_fast_producer_stall "
        "max_closed_clients proxies nonsense",
    ),
    "cluster": (
        "cluster { port: 6222\n%s\n}\n",
        LINK + "name routes cluster_advertise no_advertise connect_retries connect_backoff permissions pool_size "
        "accounts compression",
    ),
    "compression": (
        "cluster { port: 6222, compression {\n%s\n} }\n",
        "mode rtt_thresholds thresholds rtts rtt nonsense",
    ),
    "gateway": (
        "gateway { name: A, port: 7222\n%s\n}\n",
        LINK + "name connect_retries connect_backoff gateways reject_unknown reject_unknown_cluster",
    ),
    "gateways": (
        'gateway { name: A, port: 7222, gateways: [ { name: B, url: "nats://a:1"\n%s\n} ] }\n',
        "name tls url urls nonsense",
    ),
    "leafnodes": (
        "leafnodes { port: 7422\n%s\n}\n",
        LINK + "remotes reconnect reconnect_delay reconnect_interval dial_timeout leafnode_advertise no_advertise "
        "min_version minimum_version compression isolate_leafnode_interest isolate",
    ),
    "leafnode authorization": (
        "leafnodes { port: 7422, authorization {\n%s\n} }\n",
        "user username pass password nkey timeout users account proxy_required token nonsense",
    ),
    "remote": (
        'leafnodes { remotes: [ { url: "nats://a:1"\n%s\n} ] }\n',
        "no_randomize dont_randomize url urls account local creds credentials nkey seed tls hub deny_imports "
        "deny_import deny_exports deny_export ws_compress ws_compression websocket_compress websocket_compression "
        "ws_no_masking websocket_no_masking jetstream_cluster_migrate js_cluster_migrate isolate_leafnode_interest "
        "isolate request_isolation compression first_info_timeout dial_timeout disabled proxy "
        "ignore_discovered_servers nonsense",
    ),
    "proxy": (
        'leafnodes { remotes: [ { url: "ws://a:1", proxy { url: "http://p:1"\n%s\n} } ] }\n',
        "url username password timeout tls nonsense",
    ),
    "websocket": (
        "websocket { port: 8080, no_tls: true\n%s\n}\n",
        "listen port host net advertise no_tls tls same_origin allowed_origins allowed_origin allow_origins "
        "allow_origin origins origin handshake_timeout compress compression authorization authentication jwt_cookie "
        "user_cookie pass_cookie token_cookie no_auth_user headers ping_interval nonsense",
    ),
    "mqtt": (
        "server_name: s\njetstream: true\nmqtt { port: 1883\n%s\n}\n",
        "listen port host net tls authorization authentication no_auth_user ack_wait ackwait js_api_timeout "
        "api_timeout max_ack_pending max_pending max_inflight js_domain stream_replicas consumer_replicas "
        "consumer_memory_storage consumer_inactive_threshold consumer_auto_cleanup reject_qos2_publish "
        "downgrade_qos2_subscribe nonsense",
    ),
    "jetstream": (
        "jetstream {\n%s\n}\n",
        "strict store store_dir storedir sync sync_interval max_memory_store max_mem_store max_mem max_file_store "
        "max_file domain enable enabled key ek encryption_key prev_key prev_ek prev_encryption_key cipher "
        "extension_hint limits tpm unique_tag max_outstanding_catchup max_buffered_size max_buffered_msgs "
        "request_queue_limit info_queue_limit meta_compact meta_compact_size meta_compact_sync max_concurrent_io "
        "nonsense",
    ),
    "tls": ("tls {\n%s\n}\n", TLS),
    "cluster tls": ("cluster { port: 6222, tls {\n%s\n} }\n", TLS),
    "remote tls": ('leafnodes { remotes: [ { url: "nats://a:1", tls {\n%s\n} } ] }\n', TLS),
    "authorization": (
        "authorization {\n%s\n}\n",
        "user username pass password token timeout users default_permission default_permissions permissions "
        "auth_callout auth_hook proxy_required nonsense",
    ),
    "user": (
        "authorization { users: [ { user: u\n%s\n} ] }\n",
        "nkey user username pass password permission permissions authorization allowed_connection_types "
        "connection_types clients proxy_required nonsense",
    ),
    "permissions": (
        "authorization { users: [ { user: u, permissions {\n%s\n} } ] }\n",
        "pub publish import sub subscribe export publish_allow_responses allow_responses nonsense",
    ),
    "responses": (
        "authorization { users: [ { user: u, permissions { allow_responses {\n%s\n} } } ] }\n",
        "max max_msgs max_messages max_responses expires expiration ttl nonsense",
    ),
    "account": (
        "accounts { A {\n%s\n} }\n",
        "nkey imports exports jetstream users default_permissions mappings maps limits msg_trace trace_dest nonsense",
    ),
    "account jetstream": (
        "accounts { A { jetstream {\n%s\n} } }\n",
        "max_memory max_mem mem memory max_store max_file max_disk store disk max_streams streams max_consumers "
        "consumers max_bytes_required max_stream_bytes max_bytes mem_max_stream_bytes memory_max_stream_bytes "
        "disk_max_stream_bytes store_max_stream_bytes max_ack_pending cluster_traffic nonsense",
    ),
    "limits": (
        "accounts { A { limits {\n%s\n} } }\n",
        "max_connections max_conn max_subscriptions max_subs max_payload max_pay max_leafnodes max_leafs nonsense",
    ),
    "export": (
        "accounts { A { exports: [ { service: s\n%s\n} ] } }\n",
        "stream service response response_type threshold response_threshold response_max_time response_time accounts "
        "latency account_token_position allow_trace nonsense",
    ),
    "import": (
        "accounts { A { exports: [ { stream: s } ] }\n"
        "B { imports: [ { stream: { account: A, subject: s }\n%s\n} ] } }\n",
        "stream service prefix to share allow_trace nonsense",
    ),
    "mapping": ("mappings { a: {\n%s\n} }\n", "dest destination weight cluster nonsense"),
}


def findings(judges, blocks, folder):
    found = 0
    asked = 0
    for name in blocks:
        around, keys = BLOCKS[name]
        for key in keys.split():
            for value in VALUES:
                config = around % f"{key}: {value}"
                answers = [judge.ask(config, folder) for judge in judges]
                asked += 1
                others = {taken for taken, _ in answers[1:] if taken is not None}
                if answers[0][0] in others or not others or wanted_configs.why(config, answers):
                    continue
                found += 1
                print(f"--- {name}: {key}: {value}")
                for judge, (taken, text) in zip(judges, answers):
                    print(f"{judge.path}: {VERDICTS[taken]}: {text[-300:]}")
                sys.stdout.flush()
    print(f"{asked} files, {found} differences")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--reference", action="append", required=True)
    parser.add_argument("--block", action="append", choices=BLOCKS, help="only this one")
    options = parser.parse_args()
    judges = [Judge(os.path.abspath(path)) for path in (options.server, *options.reference)]
    with tempfile.TemporaryDirectory(prefix="nuring-keys-") as folder:
        return 1 if findings(judges, options.block or BLOCKS, folder) else 0


if __name__ == "__main__":
    sys.exit(main())
