// SPDX-License-Identifier: Apache-2.0
// LeafLink: requestors of services in other accounts. How it is described to them, and what it passes on.
#include <cstdint>
#include <string>

#include "core/delivery/requestor_fields.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "proto/headers.h"
#include "proto/request_info.h"

namespace nuring::gateway {
namespace {

// The first message of the run that has that header, or their number.
uint32_t first_with_requestor(const delivery::MessageRun& run) {
    proto::HeaderField field;
    for (uint32_t i = 0; i < run.count; ++i) {
        if (proto::find_header(run.headers(i), proto::kRequestInfoHeader, &field)) return i;
    }
    return run.count;
}

}  // namespace

// It describes the leafnode, not the client behind it, which only the leafnode knows.
std::string LeafLink::request_info(bool detailed, std::string_view service) const {
    delivery::RequestorFields requestor{.account = account_->name(), .rtt_ns = rtt_ns()};
    if (!detailed) return delivery::write_requestor(requestor, detailed, service);
    const std::string cluster = all_.cluster();
    requestor.start_wall_ns = start_wall_ns();
    requestor.host = peer_host();
    requestor.id = cid();
    if (identity_ != nullptr) requestor.user = identity_->name;
    requestor.name = connect_.name;
    requestor.version = connect_.version;
    requestor.server = remote_name();
    requestor.cluster = cluster;
    requestor.kind = "Leafnode";
    return delivery::write_requestor(requestor, detailed, service);
}

// A request may say in a header which account asks.
bool LeafLink::rename_requestor(proto::OtherName other_name, delivery::MessageParts* parts,
                                std::string* headers) {
    proto::HeaderField field;
    if (!proto::find_header(parts->headers, proto::kRequestInfoHeader, &field)) return false;
    delivery::FramePool::Loan json(delivery_.frames);
    if (!proto::rename_requestor(field.value, other_name, &all_.clients(host_.id).json_parser,
                                 &json.text())) {
        return false;
    }
    const proto::HeaderChange change{.name = proto::kRequestInfoHeader, .value = json.text()};
    headers->resize(proto::set_header_size_max(parts->headers, change));
    const char* end = proto::set_header(headers->data(), parts->headers, change);
    parts->headers = {headers->data(), static_cast<size_t>(end - headers->data())};
    return true;
}

// A leafnode, or a hub, speaks for the account of the link alone. The system account may speak for others:
// requests for JetStream do.
void LeafLink::bind_requestor(delivery::MessageRun* run) {
    if (run->header_size == 0 || run->reply.empty() || account_ == all_.server().system_account())
        [[likely]]
        return;
    const uint32_t first = first_with_requestor(*run);
    if (first > 0) {
        run->count = first;
        return;
    }
    run->count = 1;
    delivery::MessageParts parts = delivery::parts_of(*run);
    delivery::FramePool::Loan headers(delivery_.frames);
    const auto own_name = [this](std::string_view account) {
        return account == account_->name() ? nullptr : &account_->name();
    };
    if (!rename_requestor(own_name, &parts, &headers.text())) return;
    *run = delivery::frame_message(parts, &bound_frame_);
}

// At a hub the account that asks has another name, if it has a link there.
bool LeafLink::must_rename(const delivery::MessageRun& run) const {
    if (run.header_size == 0 || run.reply.empty()) [[likely]]
        return false;
    if (!takes_headers() || all_.hub_accounts(host_.id).empty()) return false;
    return first_with_requestor(run) < run.count;
}

void LeafLink::deliver_renamed(account::Account& account, const delivery::MessageRun& run,
                               std::string_view queues) {
    delivery::FramePool::Loan headers(delivery_.frames);
    delivery::FramePool::Loan frame(delivery_.frames);
    const auto& names = all_.hub_accounts(host_.id);
    const auto hub_name = [&names](std::string_view name) -> const std::string* {
        const auto known = names.find(absl::string_view(name.data(), name.size()));
        return known == names.end() || known->second == name ? nullptr : &known->second;
    };
    for (uint32_t i = 0; i < run.count && open(); ++i) {
        delivery::MessageParts parts = delivery::parts_of(run, i);
        (void)rename_requestor(hub_name, &parts, &headers.text());
        delivery::MessageRun one = delivery::frame_message(parts, &frame.text());
        one.is_service = run.is_service;
        one.is_jetstream = run.is_jetstream;
        one.reply_origin = run.reply_origin;
        deliver_as_named(account, one, queues);
    }
}

}  // namespace nuring::gateway
