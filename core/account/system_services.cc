// SPDX-License-Identifier: Apache-2.0
#include "core/account/system_services.h"

#include <array>
#include <string>

#include "fmt/format.h"
#include "proto/jetstream.h"
#include "proto/subject.h"

namespace nuring::account {
namespace {

struct Names {
    std::string_view local;
    std::string_view request;  // the last token of $SYS.REQ.ACCOUNT.<account>.<request>
};

constexpr std::array kNames = {Names{"$SYS.REQ.SERVER.PING.CONNZ", "CONNZ"},
                               Names{"$SYS.REQ.ACCOUNT.PING.CONNZ", "CONNZ"},
                               Names{"$SYS.REQ.ACCOUNT.PING.STATZ", "STATZ"}};

}  // namespace

std::vector<SystemService> system_services(std::string_view account, std::string_view system_account,
                                           bool jetstream) {
    std::vector<SystemService> services;
    if (jetstream) {
        SystemService api;
        api.import.kind = config::ExchangeKind::kService;
        api.import.account = std::string(system_account);
        api.import.subject = std::string(proto::kJetStreamApi);
        api.import.to = std::string(proto::kJetStreamApi);
        api.import.share = true;
        api.exported.kind = config::ExchangeKind::kService;
        api.exported.subject = std::string(proto::kJetStreamApi);
        services.push_back(std::move(api));
    }
    if (account.find('.') != std::string_view::npos) return services;  // several tokens
    for (const Names& names : kNames) {
        std::string remote = fmt::format("$SYS.REQ.ACCOUNT.{}.{}", account, names.request);
        if (!proto::is_valid_literal_subject(remote)) continue;
        SystemService service;
        service.import.kind = config::ExchangeKind::kService;
        service.import.account = std::string(system_account);
        service.import.subject = remote;
        service.import.to = std::string(names.local);
        service.import.share = true;
        service.exported.kind = config::ExchangeKind::kService;
        service.exported.subject = std::move(remote);
        service.exported.response_type = config::ResponseType::kStream;
        services.push_back(std::move(service));
    }
    return services;
}

}  // namespace nuring::account
