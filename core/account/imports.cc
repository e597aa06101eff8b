// SPDX-License-Identifier: Apache-2.0
#include "core/account/imports.h"

#include <chrono>
#include <utility>
#include <vector>

#include "core/config/exports.h"
#include "proto/jetstream.h"
#include "proto/subject.h"

namespace nuring::account {
namespace {

constexpr auto kImport = proto::SubjectTransform::Use::kImport;

constexpr std::chrono::nanoseconds kDefaultThreshold = std::chrono::minutes(2);  // 2.1.0

std::vector<std::string_view> tokens_of(std::string_view pattern) {
    std::vector<std::string_view> tokens;
    for (const std::string_view token : proto::SubjectTokens(pattern)) tokens.push_back(token);
    return tokens;
}

// The subjects that both patterns match, which must have some: the narrower token of each place.
std::string overlap(std::string_view a, std::string_view b) {
    const std::vector<std::string_view> left = tokens_of(a);
    const std::vector<std::string_view> right = tokens_of(b);
    std::string out;
    const auto append = [&out](std::string_view token) {
        if (!out.empty()) out += proto::kTokenSeparator;
        out += token;
    };
    for (size_t i = 0;; ++i) {
        const bool left_tail = i < left.size() && left[i] == proto::kAnyTail;
        const bool right_tail = i < right.size() && right[i] == proto::kAnyTail;
        if (left_tail || right_tail) {  // what the other one has from here on
            const std::vector<std::string_view>& rest = left_tail ? right : left;
            for (; i < rest.size(); ++i) append(rest[i]);
            return out;
        }
        if (i >= left.size() || i >= right.size()) return out;
        append(left[i] == proto::kAnyToken ? right[i] : left[i]);
    }
}

bool apply(const std::optional<proto::SubjectTransform>& transform, std::string_view subject,
           std::string* out) {
    if (transform.has_value()) return transform->apply(subject, out);
    *out = subject;
    return true;
}

}  // namespace

// ------------------------------------------------------------------------------- streams

StreamImport::StreamImport(const config::AccountImport& options, Account& exporter)
    : options_(options), exporter_(exporter) {}

std::shared_ptr<const StreamImport> StreamImport::create(const config::AccountImport& options,
                                                         Account& exporter) {
    std::shared_ptr<StreamImport> made(new StreamImport(options, exporter));
    const std::string name = config::local_name(options);
    made->local_ = proto::pattern_of_target(name);
    if (!proto::is_valid_subject(options.subject) || !proto::is_valid_subject(made->local_)) return nullptr;
    if (name == options.subject) return made;
    std::string error;
    made->transform_ =
        proto::SubjectTransform::create(options.subject, proto::number_wildcards(name), kImport, &error);
    if (!made->transform_) return nullptr;
    made->back_ = made->transform_->reversed();
    return made;
}

std::optional<ShadowPattern> StreamImport::shadow(std::string_view pattern) const {
    ShadowPattern shadow{.pattern = options_.subject};
    if (proto::is_subset(local_, pattern)) return shadow;  // all of it
    if (!proto::subjects_collide(pattern, local_)) return std::nullopt;
    const std::string common = overlap(pattern, local_);
    if (!transform_) {
        shadow.pattern = common;
    } else if (!back_ || !back_->apply(common, &shadow.pattern)) {
        shadow.pattern = options_.subject;
        shadow.is_wider = true;
    }
    return shadow;
}

bool StreamImport::to_local(std::string_view subject, std::string* out) const {
    return proto::matches_literal(subject, options_.subject) && apply(transform_, subject, out);
}

// ------------------------------------------------------------------------------- services

uint64_t response_threshold_ns(const config::AccountExport& exported) {
    const bool is_set = exported.response_threshold.count() > 0;
    return static_cast<uint64_t>((is_set ? exported.response_threshold : kDefaultThreshold).count());
}

ServiceImport::ServiceImport(const config::AccountImport& options,
                             const config::AccountExport& exported, Account& exporter)
    : options_(options),
      exported_(exported),
      exporter_(exporter),
      response_threshold_ns_(account::response_threshold_ns(exported)) {}

std::shared_ptr<const ServiceImport> ServiceImport::create(const config::AccountImport& options,
                                                           const config::AccountExport& exported,
                                                           Account& exporter) {
    std::shared_ptr<ServiceImport> made(new ServiceImport(options, exported, exporter));
    const std::string name = config::local_name(options);
    const std::string pattern = proto::pattern_of_target(name);
    if (!proto::is_valid_subject(options.subject) || !proto::is_valid_subject(pattern)) return nullptr;
    if (proto::is_literal(options.subject)) {  // whatever the wildcards of the name match
        made->fixed_ = options.subject;
    } else if (name != options.subject) {
        std::string error;
        const auto to_name =
            proto::SubjectTransform::create(options.subject, proto::number_wildcards(name), kImport, &error);
        if (to_name) made->transform_ = to_name->reversed();
        if (!made->transform_) return nullptr;
    }
    made->is_jetstream_api_ = options.subject == proto::kJetStreamApi;
    made->subscription_.reset(interest::Subscription::create(
        {.owner = made.get(), .subject = pattern, .kind = proto::Kind::kAccount}));
    return made->subscription_ == nullptr ? nullptr : made;
}

bool ServiceImport::to_remote(std::string_view subject, std::string* out) const {
    if (is_jetstream_api_ && proto::is_direct_jetstream_request(subject)) [[unlikely]] return false;
    if (!fixed_.empty()) {
        *out = fixed_;
        return true;
    }
    return apply(transform_, subject, out);
}

}  // namespace nuring::account
