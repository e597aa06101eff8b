// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/auth/authenticator.h"
#include "core/auth/connection_types.h"
#include "core/auth/jwt_login.h"
#include "core/auth/response_table.h"
#include "core/client/repeated_check.h"
#include "core/delivery/delivery.h"
#include "core/delivery/services.h"
#include "core/delivery/shadow.h"
#include "core/link/websocket_channel.h"
#include "core/runtime/owned_timer.h"
#include "core/server_link/link_target.h"
#include "core/server_link/server_link.h"
#include "gateway/leaf_audience.h"
#include "gateway/leaf_interest.h"
#include "gateway/leaf_permissions.h"
#include "gateway/leaf_settings.h"
#include "proto/kind_facts.h"
#include "proto/leaf_connect.h"
#include "proto/request_info.h"

namespace nuring::auth {
struct JwtVerdict;
}

namespace nuring::gateway {

class LeafLinks;
class LeafRemote;
struct LeafSnapshot;

// LeafLink is a leafnode connection, at either end. It belongs to one account on each side, so its lines of
// interest and messages name none. The side that dialed is the spoke, the other one the hub, unless the
// remote says `hub: true`: then the roles are swapped.
//
//   spoke                                        hub
//     connect             -->
//                         <--   INFO             nothing else before CONNECT
//     [TLS as client]                            [TLS as server]
//     [INFO]              -->                    asks for compression: of all bytes from here on
//                         <--   [INFO]           again
//     CONNECT             -->                    login, checks
//                         <--   INFO             connect_info: account, permissions
//     LS+ ...             <->   LS+ ...          registered: interest and messages
//
// A hub before 2.2 sends no second INFO; its first one does not announce any.
//
// Threads: its worker. Limits: those of ServerLink; max_payload for messages that come in.
// Errors:  the texts of proto/error_text.h, to the other server; then the link is closed.
// Source:  server/leafnode.go 2.0.0-RC19 to 2.15.
//          leaf_link.cc: set-up, end; leaf_handshake.cc: INFO and CONNECT; leaf_login.cc: the hub's checks;
//          leaf_compression.cc; leaf_messages.cc: interest and messages; leaf_request_info.cc.
class LeafLink final : public server_link::ServerLink, private delivery::Requestor {
  public:
    // An accepted connection.
    LeafLink(delivery::Delivery& delivery, int fd, LeafLinks& all);
    // A dialed connection.
    LeafLink(delivery::Delivery& delivery, int fd, LeafRemote& remote,
             server_link::LinkTarget target);
    // The same two over WebSocket.
    LeafLink(delivery::Delivery& delivery, link::Handover&& connection,
             const link::WebsocketTerms& terms, LeafLinks& all);
    LeafLink(delivery::Delivery& delivery, link::Handover&& connection,
             const link::WebsocketTerms& terms, LeafRemote& remote, server_link::LinkTarget target);
    ~LeafLink() override;

    // Begins the set-up: TLS first, INFO, or waiting for it.
    void greet();
    // Ends the link: its remote is not wanted any more.
    void leave_remote(link::CloseReason reason);
    // Ends the link: a newer connection of the same server has come.
    void replace();

    // Null: not registered.
    account::Account* account() const { return account_; }
    // Copies the link for the monitor, with so many subscriptions at most.
    void copy_leaf(size_t subscriptions, LeafSnapshot* out) const;
    bool is_websocket() const { return websocket_terms_.has_value(); }
    bool is_hub_side() const { return proto::facts_of(kind()).is_spoke; }

    // --- of LeafAudience
    LeafSource source() const { return LeafSource::of(handle(), origin_cluster_); }
    // Notes the weight of that group as announced; 0: the group has gone. False: the far end knows that.
    bool note_group(uint64_t key, size_t members);

    // --- ServerLink
    void announce_lame_duck() override {}
    bool listens_alone() const override { return false; }
    size_t announce_slice(account::Account& account, uint32_t slice) override;
    void deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                           std::string_view queues) override;
    bool may_serve(account::Account& account, std::string_view subject,
                   std::string_view queue) override;
    account::Account* counted_account() const override { return serving() ? account_ : nullptr; }
    void close_if_excess() override;
    void deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                              std::string_view queues, uint32_t origin_cluster) override;
    void on_account_changed() override;
    void on_reload() override;
    void on_cluster_view() override;
    void on_cluster_name() override;

  private:
    enum class Stage : uint8_t {
        kInfo,      // dialed: the hub's INFO is awaited
        kTls,       // dialed: TLS begins because of that INFO
        kCompress,  // dialed: compression has begun, the hub's INFO is awaited again
        kProof,     // dialed: a signature is being made
        kConfirm,   // dialed: CONNECT is out, the second INFO is awaited
        kGreeted,   // accepted: INFO is out, CONNECT is awaited or checked
        kServing,
    };

    // --- ServerLink
    void on_channel_ready() override;
    void on_no_hello() override;
    void on_connect(std::string_view json) override;
    void on_logged_in(std::shared_ptr<const auth::Identity> identity) override;
    void on_info(const proto::ServerInfo& info) override;
    void on_error(std::string_view text) override;
    void on_subscribe(const proto::RouteOperation& operation) override;
    void on_unsubscribe(const proto::RouteOperation& operation) override;
    void on_ended() override;
    server_link::KeepAlive keep_alive_rule() const override;
    account::Account* account_of(const proto::RouteOperation& /*operation*/) override {
        return account_;
    }
    std::string_view origin_of(const proto::RouteOperation& /*operation*/) const override {
        return cluster_;
    }
    bool may_leave(account::Account& account, std::string_view subject) override;
    bool carries(account::Account& account) const override { return &account == account_; }
    bool admits_payload(uint64_t bytes) override;
    bool admit_message(const proto::RouteOperation& operation, Inbound* message) override;
    void on_accepted(std::string_view subject) override;
    bool admit_answer(const proto::RouteOperation& operation, Inbound* message) override;
    const account::SubjectMap* mappings_of(const account::Account& account) const override;
    const delivery::Requestor* requestor() const override { return this; }
    // delivery::Requestor
    std::string request_info(bool detailed, std::string_view service) const override;

    // --- compression (leaf_compression.cc)
    const config::CompressionOptions& compression_options() const;
    // WebSocket has a compression of its own; without it, S2 is laid below the frames.
    bool compresses_websocket() const {
        return websocket_terms_.has_value() && websocket_terms_->compression;
    }
    std::optional<server_link::Compression> choose_compression(std::string_view mode);
    std::string announced_compression() const;
    void ask_for_compression();
    void answer_compression(const proto::ServerInfo& info);
    bool may_precede_login(proto::RouteVerb verb) const override;
    void note_compression(std::string_view mode);
    void on_pong() override;

    // --- dialed
    class ProofJob;
    server_link::ChannelSetup dialer_channel() const;
    void on_first_info(const proto::ServerInfo& info);
    const std::vector<std::string>& gossip_of(const proto::ServerInfo& info) const;
    void prove();
    void send_leaf_connect(proto::LeafConnect connect);
    void on_confirmed(const proto::ServerInfo& info);
    void register_dialed();

    // --- accepted
    class JwtJob;
    server_link::ChannelSetup acceptor_channel() const;
    proto::ServerInfo own_info();
    void send_first_info();
    void check_pins();
    auth::ConnectionType connection_type() const;
    const auth::Authenticator& authenticator() const;
    auth::Decision decide_login();
    auth::JwtLogin jwt_login();
    void ask_jwt_job(std::string account);
    void on_jwt_verdict(const auth::JwtVerdict& verdict);
    bool passes_checks();
    void welcome_again(std::shared_ptr<const auth::Identity> identity);
    void arm_expiry();
    void on_expiry();
    void send_confirmation(const auth::Identity& identity);
    void register_accepted(const auth::Identity& identity);

    bool accepts_cluster_name(std::string_view name);
    void remember_closed();
    void begin_serving(std::string remote_id, std::string remote_name, std::string cluster);
    void deny_jetstream();
    void refuse_excess();
    void on_loop();
    // The dialing side waits this long before it dials again.
    void delay_reconnect(uint64_t delay_ns);
    void update_shadows(interest::Subscription& subscription);
    bool keeps_interest(account::Account& account, interest::Subscription& subscription) override;
    void on_interest_released(const interest::Subscription& subscription) override {
        if (shadows_ != nullptr) shadows_->remove(subscription);
    }
    void note_request(const delivery::MessageRun& run);
    bool is_beyond_hub(const delivery::MessageRun& run);
    void deliver_as_named(account::Account& account, const delivery::MessageRun& run,
                          std::string_view queues);
    bool must_rename(const delivery::MessageRun& run) const;
    bool rename_requestor(proto::OtherName other_name, delivery::MessageParts* parts,
                          std::string* headers);
    void bind_requestor(delivery::MessageRun* run);
    void deliver_renamed(account::Account& account, const delivery::MessageRun& run,
                         std::string_view queues);
    void deliver_imported(const account::Account& exporter, const delivery::MessageRun& run,
                          std::string_view queues);
    void take_names(const interest::MatchResult& wanted, std::string* others,
                    std::string* names) const;
    bool has_member(const interest::MatchResult& wanted, std::string_view queue) const;

    void on_wait_timer();
    void arm_wait(uint64_t after_ns);
    void start_upgraded();

    LeafLinks& all_;
    LeafRemote* remote_ = nullptr;  // null: accepted, or not wanted any more
    std::shared_ptr<const LeafSettings> settings_;
    std::shared_ptr<const LeafRemoteSettings> remote_settings_;  // null: accepted
    Stage stage_ = Stage::kInfo;
    proto::ServerInfo hub_info_;  // dialed
    bool warned_of_size_ = false;  // of a message above the hub's max_payload
    proto::LeafConnect connect_;  // accepted
    account::Account* account_ = nullptr;
    std::shared_ptr<const auth::Identity> identity_;
    LeafPermissions permissions_;
    std::unique_ptr<auth::ResponseTable> responses_;  // null: no request yet that it may answer
    std::string cluster_;                             // of the far end; empty: none
    uint32_t origin_cluster_ = 0;                     // its number
    std::string loop_subject_;
    LeafAudience* audience_ = nullptr;                   // from begin_serving() on
    absl::flat_hash_map<uint64_t, size_t> sent_groups_;  // their weights, as last announced
    bool is_greeted_ = false;                            // accepted: the first INFO is out
    bool is_isolated_ = false;  // no interest of other leafnode links is announced over it
    uint64_t reconnect_delay_ns_ = 0;
    runtime::OwnedTimer<LeafLink, &LeafLink::on_wait_timer> wait_timer_{*this};  // for an INFO
    // The time of the user's token is over.
    runtime::OwnedTimer<LeafLink, &LeafLink::on_expiry> expiry_timer_{*this};
    client::RepeatedCheck token_check_;  // after a change of claims
    std::optional<link::WebsocketTerms> websocket_terms_;  // none: no WebSocket
    std::unique_ptr<delivery::Shadows> shadows_;           // made for the first stream import
    std::string bound_frame_;  // backs a message that came with a header about its requestor
};

}  // namespace nuring::gateway
