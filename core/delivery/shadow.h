// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/delivery/subscriber.h"
#include "core/interest/subscription.h"

namespace nuring::delivery {

class Delivery;

// Shadow stands in an exporting account for one subscription of a client whose account imports from
// there. It delivers to that subscription, under the importer's subject: same sid,
// same queue group, one maximum for both. The shadow of a server's subscription belongs to
// that server, too: however many of them match, a message goes to the server once, and the link translates
// the subject.
// Threads: the link's worker. Limits, errors: those of the parent.
// Lifetime: owned by Shadows; when it ends, its subscription is closed and both live until the end of
//           the turn (SubscriptionIndex::retire), as a delivery may be going on.
// A message that came into the exporting account over a service import goes no further: all importers of a
// stream there would see the request.
// Source:  addShadowSubscriptions and deliverMsg in server/client.go 2.9.10; the subject is made for
//          each delivery, so that none leaks into the next subscriber's (a bug of RC19).
class Shadow final : public Subscriber {
  public:
    Shadow(Delivery& delivery, interest::Subscription& parent,
           std::shared_ptr<const account::StreamImport> import,
           const account::ShadowPattern& pattern);
    ~Shadow() = default;
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    uint32_t deliver(interest::Subscription& subscription, const MessageRun& run,
                     base::LinkHandle origin) override;
    bool accepts(const interest::Subscription& subscription, base::LinkHandle origin) const override;

    // The parent's weight has changed.
    void follow_weight();
    // Takes its subscription out of the exporter's account; or does so later (Subscription::kLeaving).
    void end(Delivery& delivery);
    void begin_leaving() { subscription_->flags |= interest::Subscription::kLeaving; }

    const account::StreamImport* import() const { return import_.get(); }
    std::string_view pattern() const { return subscription_->subject(); }

  private:
    void translate(std::string_view subject);
    Subscriber& client() const { return *static_cast<Subscriber*>(parent_.owner); }

    interest::Subscription& parent_;
    interest::Subscription* subscription_;
    const std::shared_ptr<const account::StreamImport> import_;
    const bool is_wider_;
    // The last message's subject there and here: most have the one before's, and no memory is taken.
    std::string remote_subject_;
    std::string local_subject_;
    bool is_passed_ = false;  // ... reaches the parent
};

// Shadows are all those of one link.
// Threads: the link's worker.
// Limits:  stream imports of the account for each subscription. Errors: none.
class Shadows {
  public:
    explicit Shadows(Delivery& delivery) : delivery_(delivery) {}

    // Makes the subscription's shadows what the imports of its account ask for: new ones are added,
    // those no longer wanted end, the others stay, so that nothing is lost or comes twice.
    void update(interest::Subscription& parent, const account::Exchange& exchange);
    void remove(const interest::Subscription& parent);
    // It is removed later, since its link has closed.
    void begin_leaving(const interest::Subscription& parent);

  private:
    using Group = std::vector<std::unique_ptr<Shadow>>;

    Delivery& delivery_;
    absl::flat_hash_map<const interest::Subscription*, Group> shadows_;
};

}  // namespace nuring::delivery
