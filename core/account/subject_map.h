// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/prng.h"
#include "core/config/options.h"
#include "proto/subject_transform.h"

namespace nuring::account {

// SubjectMap is the `mappings` block of one account: under which subject a message goes on that was
// published under another. A literal source comes before patterns, those in the order of the file.
// Threads: immutable. Errors: none; mappings that config/check_accounts.h refuses are left out.
// Source: AddWeightedMappings and selectMappedSubject in server/accounts.go 2.9.10.
class SubjectMap {
  public:
    // One source and where its messages go: each to one target, by weight.
    class Mapping {
      public:
        // Another subject for each message: to be asked for each.
        bool is_random() const { return has_weights() || choices_.front().transform.is_random(); }
        // Null: the message is lost, as the weights ask for.
        const proto::SubjectTransform* pick(base::Prng& prng) const;

      private:
        friend class SubjectMap;
        struct Choice {
            uint32_t below;  // of a number from 0 to 99
            proto::SubjectTransform transform;
        };
        // More than one way to go.
        bool has_weights() const { return choices_.size() != 1 || choices_.front().below != 100; }
        std::string source_;
        std::vector<Choice> choices_;
    };

    SubjectMap() = default;
    // `cluster`: targets for other clusters are left out.
    SubjectMap(const std::vector<config::SubjectMapping>& mappings, std::string_view cluster);

    bool empty() const { return literals_.empty() && patterns_.empty(); }
    // Null: the subject stays as it is.
    const Mapping* find(std::string_view subject) const;
    // The mapped subjects and patterns.
    std::vector<std::string> sources() const;
    bool has_source(std::string_view pattern) const;

  private:
    absl::flat_hash_map<std::string, Mapping> literals_;
    std::vector<Mapping> patterns_;
};

}  // namespace nuring::account
