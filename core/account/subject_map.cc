// SPDX-License-Identifier: Apache-2.0
#include "core/account/subject_map.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/status.h"
#include "core/config/check_accounts.h"
#include "proto/subject.h"

namespace nuring::account {
namespace {

constexpr uint32_t kWhole = 100;  // percent

// Those for this cluster; if there are none, those for any.
std::vector<config::MappingTarget> targets_in(const config::SubjectMapping& mapping,
                                              std::string_view cluster) {
    std::vector<config::MappingTarget> ours;
    std::vector<config::MappingTarget> general;
    for (const config::MappingTarget& target : mapping.targets) {
        if (target.cluster.empty()) {
            general.push_back(target);
        } else if (target.cluster == cluster) {
            ours.push_back(target);
        }
    }
    return ours.empty() ? general : ours;
}

}  // namespace

SubjectMap::SubjectMap(const std::vector<config::SubjectMapping>& mappings,
                       std::string_view cluster) {
    for (const config::SubjectMapping& each : mappings) {
        if (!config::check_mapping(each).empty()) continue;
        Mapping mapping;
        mapping.source_ = each.source;
        uint32_t below = 0;
        const auto add = [&](std::string_view target, uint32_t weight) {
            std::string error;
            auto transform = proto::SubjectTransform::create(
                each.source, target, proto::SubjectTransform::Use::kMapping, &error);
            if (!transform) return;
            below += weight;
            mapping.choices_.push_back({.below = below, .transform = *std::move(transform)});
        };
        for (const config::MappingTarget& target : targets_in(each, cluster)) {
            add(target.subject, static_cast<uint32_t>(target.weight));
        }
        // The rest keeps its subject, unless that was named: then it is meant to be lost.
        const bool names_source = std::any_of(
            each.targets.begin(), each.targets.end(),
            [&](const config::MappingTarget& target) { return target.subject == each.source; });
        if (below < kWhole && !names_source) {
            add(proto::number_wildcards(each.source), kWhole - below);
        }
        if (mapping.choices_.empty()) continue;
        if (proto::is_literal(each.source)) {
            literals_[each.source] = std::move(mapping);
        } else {
            std::erase_if(patterns_, [&](const Mapping& m) { return m.source_ == each.source; });
            patterns_.push_back(std::move(mapping));
        }
    }
}

const SubjectMap::Mapping* SubjectMap::find(std::string_view subject) const {
    if (!literals_.empty()) {
        const auto found = literals_.find(base::absl_view(subject));
        if (found != literals_.end()) return &found->second;
    }
    for (const Mapping& mapping : patterns_) {
        // A published pattern is mapped only where all that it matches is.
        if (proto::is_subset(subject, mapping.source_)) return &mapping;
    }
    return nullptr;
}

std::vector<std::string> SubjectMap::sources() const {
    std::vector<std::string> sources;
    for (const auto& [source, mapping] : literals_) sources.push_back(source);
    for (const Mapping& mapping : patterns_) sources.push_back(mapping.source_);
    return sources;
}

bool SubjectMap::has_source(std::string_view pattern) const {
    return literals_.contains(base::absl_view(pattern)) ||
           std::any_of(patterns_.begin(), patterns_.end(),
                       [pattern](const Mapping& mapping) { return mapping.source_ == pattern; });
}

const proto::SubjectTransform* SubjectMap::Mapping::pick(base::Prng& prng) const {
    assert(!choices_.empty());
    if (!has_weights()) return &choices_.front().transform;
    const uint32_t drawn = prng.below(kWhole);
    for (const Choice& choice : choices_) {
        if (drawn < choice.below) return &choice.transform;
    }
    return nullptr;
}

}  // namespace nuring::account
