// SPDX-License-Identifier: Apache-2.0
// LeafLink: INFO and CONNECT of the side that dialed, and what both do once the link is registered.
#include <algorithm>
#include <cassert>
#include <fstream>
#include <iterator>
#include <utility>

#include "core/auth/trust.h"
#include "core/base/status.h"
#include "core/client/client_events.h"
#include "core/config/names.h"
#include "core/link/link_job.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "gateway/leaf_credentials.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "gateway/leaf_remote.h"
#include "gateway/leaf_snapshot.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

constexpr uint64_t kSecondInfo_ns = 2'000'000'000;

// The name stands in each line about the leafnode's interest and messages, and beside each subscription.
constexpr size_t kClusterNameSizeMax = 255;

// A credentials file is a few hundred bytes; tokens of accounts are larger, but never this large.
constexpr size_t kCredentialsBytesMax = 1024 * 1024;

absl::StatusOr<std::string> read_credentials(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return absl::NotFoundError(fmt::format("open {}: no such file or directory", path));
    std::string text;
    text.resize(kCredentialsBytesMax);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
    return text;
}

}  // namespace

// Reads the credentials file and signs the nonce, which takes 100 us and may wait for a disk; in operator
// mode it loads the claims of the account, too, which may wait for the network.
class LeafLink::ProofJob final : public link::LinkJob {
  public:
    explicit ProofJob(LeafLink& link)
        : LinkJob(link.host_, link),
          settings_(link.remote_settings_),
          trust_(link.all_.clients(link.host_.id).authenticator().trust()),
          nonce_(link.hub_info_.nonce),
          now_s_(link.host_.ring.wall_s()) {}

  private:
    void compute() override {
        const config::RemoteLeafnode& remote = settings_->options;
        if (trust_ != nullptr && !remote.account.empty()) {
            if (const auto account = trust_->load(remote.account, now_s_); !account.ok()) {
                status_ = absl::NotFoundError(
                    fmt::format("Unable to lookup account {} for solicited leafnode connection: {}",
                                remote.account, base::message_of(account.status())));
                return;
            }
        }
        if (!remote.credentials.empty()) {
            const auto text = read_credentials(remote.credentials);
            if (!text.ok()) {
                status_ = text.status();
                return;
            }
            auto credentials = parse_leaf_credentials(*text);
            if (!credentials.ok()) {
                status_ = credentials.status();
                return;
            }
            connect_.sig = sign_nonce(credentials->seed, nonce_);
            connect_.jwt = std::move(credentials->jwt);
        } else if (!remote.nkey.empty()) {
            const auto seed = auth::decode_seed(remote.nkey);
            if (!seed.has_value()) {
                status_ = absl::InvalidArgumentError("Remote nkey has malformed seed");
                return;
            }
            connect_.nkey =
                auth::encode_public_nkey(auth::public_key_of(*seed), auth::NkeyKind::kUser);
            connect_.sig = sign_nonce(*seed, nonce_);
        }
    }

    void finish(link::Link& link) override {
        auto& leaf = static_cast<LeafLink&>(link);
        if (!status_.ok()) {
            host_.log.error("{} - {}", leaf.label(), base::message_of(status_));
            return leaf.close(link::CloseReason::kAuthenticationFailure);
        }
        leaf.send_leaf_connect(std::move(connect_));
    }

    const std::shared_ptr<const LeafRemoteSettings> settings_;
    const std::shared_ptr<auth::Trust> trust_;
    const std::string nonce_;
    const int64_t now_s_;
    absl::Status status_;
    proto::LeafConnect connect_;
};

void LeafLink::on_info(const proto::ServerInfo& info) {
    if (!is_solicited()) return answer_compression(info);
    switch (stage_) {
        case Stage::kInfo:
            return on_first_info(info);
        case Stage::kCompress:
            host_.timers.disarm(wait_timer_);
            if (!accepts_cluster_name(info.cluster)) return;
            hub_info_ = info;
            return prove();
        case Stage::kConfirm:
            if (info.connect_info) return on_confirmed(info);
            [[fallthrough]];
        case Stage::kProof:
        case Stage::kServing:
            if (remote_ == nullptr || remote_settings_->options.ignore_discovered_servers) return;
            if (!gossip_of(info).empty()) remote_->urls().learn(gossip_of(info));
            return;
        case Stage::kTls:  // in clear text, behind the INFO that asked for TLS
            host_.log.error("{} - Unexpected INFO before TLS", label());
            return close(link::CloseReason::kProtocolViolation);
        case Stage::kGreeted:
            break;
    }
    assert(false && "an accepted link has returned");
}

// False: the link was closed.
bool LeafLink::accepts_cluster_name(std::string_view name) {
    std::string_view fault;
    if (name.size() > kClusterNameSizeMax) fault = "cluster name is too long";
    if (config::has_blanks(name)) fault = "cluster name cannot contain spaces";
    if (name == config::kReservedClusterName) fault = "cluster name is reserved";
    if (fault.empty()) return true;
    refuse_peer(fault, link::CloseReason::kProtocolViolation);
    return false;
}

// The addresses of the hub's cluster that are of the same sort as the remote's own.
const std::vector<std::string>& LeafLink::gossip_of(const proto::ServerInfo& info) const {
    return is_websocket() ? info.ws_connect_urls : info.leafnode_urls;
}

void LeafLink::on_first_info(const proto::ServerInfo& info) {
    host_.timers.disarm(wait_timer_);
    if (info.client_id == 0 || (info.leafnode_urls.empty() && !info.info_on_connect)) {
        host_.log.error("{} - attempted to connect to wrong port", label());
        return close(link::CloseReason::kIncorrectPort);
    }
    if (!accepts_cluster_name(info.cluster)) return;
    hub_info_ = info;
    set_takes_headers(info.headers);
    if (remote_ != nullptr && !remote_settings_->options.ignore_discovered_servers) {
        remote_->urls().learn(gossip_of(info));
    }
    const bool wants_tls = info.tls_required || remote_settings_->asks_for_tls;
    if (wants_tls && tls_engine() == nullptr && !is_websocket()) {
        stage_ = Stage::kTls;
        return upgrade_channel(dialer_channel());
    }
    ask_for_compression();
}

void LeafLink::prove() {
    stage_ = Stage::kProof;
    const config::RemoteLeafnode& remote = remote_settings_->options;
    const bool is_operated =
        all_.clients(host_.id).authenticator().trust() != nullptr && !remote.account.empty();
    if (remote.credentials.empty() && remote.nkey.empty() && !is_operated)
        return send_leaf_connect({});
    if (!remote.credentials.empty()) {
        host_.log.debug("{} - Authenticating with credentials file {}", label(),
                        proto::quote(remote.credentials));
    }
    host_.lookups.submit(host_.worker, std::make_unique<ProofJob>(*this));
}

void LeafLink::send_leaf_connect(proto::LeafConnect connect) {
    assert(stage_ == Stage::kProof);
    const config::RemoteLeafnode& remote = remote_settings_->options;
    const proto::ServerInfo& own = settings_->info;
    connect.version = own.version;
    connect.user = target()->user;
    connect.pass = target()->password;
    // A URL with one word before the `@` may mean a token.
    if (connect.pass.empty()) connect.auth_token = connect.user;
    connect.tls_required = tls_engine() != nullptr;
    connect.server_id = own.server_id;
    connect.name = own.server_name;
    connect.is_hub = remote.hub;
    connect.cluster = all_.leaf_cluster();
    connect.headers = own.headers && hub_info_.headers;
    connect.deny_pub = remote.deny_imports;
    connect.isolate = remote.request_isolation;
    connect.compress_mode = to_text(compression());
    connect.remote_account =
        remote.account.empty() ? std::string(account::kGlobalAccount) : remote.account;
    send_connect(proto::to_json(connect));
    host_.log.debug("{} - Remote leafnode connect msg sent", label());
    if (!hub_info_.info_on_connect) return register_dialed();
    stage_ = Stage::kConfirm;
    arm_wait(kSecondInfo_ns);
}

void LeafLink::on_confirmed(const proto::ServerInfo& info) {
    host_.timers.disarm(wait_timer_);
    permissions_ = LeafPermissions::of_hub(info.import_subjects, info.export_subjects);
    hub_info_.remote_account = info.remote_account;
    register_dialed();
}

void LeafLink::register_dialed() {
    const config::RemoteLeafnode& remote = remote_settings_->options;
    account_ = all_.clients(host_.id).authenticator().trust() != nullptr
                   ? &delivery_.accounts.find_or_create(remote.account)
                   : delivery_.accounts.find(remote.account);
    if (account_ == nullptr && remote.account.empty()) account_ = &delivery_.accounts.global();
    if (account_ == nullptr) {
        host_.log.debug("{} - Can not locate local account {} for leafnode", label(),
                        proto::quote(remote.account));
        return close(link::CloseReason::kMissingAccount);
    }
    permissions_.deny_inbound(remote.deny_imports);
    permissions_.deny_outbound(remote.deny_exports);
    is_isolated_ = remote.isolate_interest || settings_->leafnodes().isolate_interest;
    const LeafEntry entry{.link = handle(),
                          .account = account_,
                          .name = hub_info_.server_name,
                          .cluster = hub_info_.cluster,
                          .remote_account = hub_info_.remote_account,
                          .is_solicited = true};
    std::optional<base::LinkHandle> replaced;
    switch (all_.add(entry, hub_info_.cluster, &replaced)) {
        case LeafLinks::Registration::kAdded:
            break;
        case LeafLinks::Registration::kTooMany:
            return refuse_excess();
        case LeafLinks::Registration::kLoop:
            return on_loop();
    }
    assert(!replaced.has_value());
    if (!hub_info_.remote_account.empty()) {
        all_.learn_hub_account(host_.id, std::string(account_->name()), hub_info_.remote_account);
    }
    skip_login();
    begin_serving(hub_info_.server_id,
                  hub_info_.server_name.empty() ? hub_info_.server_id : hub_info_.server_name,
                  hub_info_.cluster);
}

// Keeps JetStream's subjects apart: the clients of each side ask their own server.
// Source: server/leafnode.go, addLeafNodeConnection 2.7.4.
void LeafLink::deny_jetstream() {
    std::vector<std::string> denied{"$JS.API.>", "$KV.>", "$OBJ.>"};
    if (account_ == all_.server().system_account()) {
        denied.emplace_back("$JSC.>");
        denied.emplace_back("$NRG.>");
    }
    permissions_.deny_outbound(denied);
    // A hub lets requests of its leafnodes in, whose own denials keep them at home.
    if (is_hub_side()) return permissions_.deny_announcing(denied);
    permissions_.deny_inbound(denied);
}

void LeafLink::begin_serving(std::string remote_id, std::string remote_name, std::string cluster) {
    assert(account_ != nullptr);
    cluster_ = std::move(cluster);
    origin_cluster_ = host_.facts.origin_clusters.acquire(cluster_);
    deny_jetstream();
    stage_ = Stage::kServing;
    loop_subject_ = all_.loop_subject(*account_, host_.ring);
    audience_ = &all_.join_audience(
        *this, *account_,
        {.role = {.kind = kind(), .is_isolated = is_isolated_}, .permissions = permissions_});
    serve(std::move(remote_id), std::move(remote_name));
    if (client::ClientEvents* events = all_.clients(host_.id).events(); events != nullptr) {
        LeafSnapshot snapshot;
        copy_leaf(/*subscriptions=*/0, &snapshot);
        // Of the users of the leafnodes block there is no event. Source: server/leafnode.go 2.12.8.
        const bool is_user = is_solicited() || settings_->authenticator == nullptr;
        events->on_leaf_connected(host_.id, *account_, snapshot.connection, is_user);
    }
}

}  // namespace nuring::gateway
