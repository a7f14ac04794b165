// The promise that a handshake's outcome goes to, shared by who waits and who shakes hands. Inner part of the layer.
#pragma once

#include <utility>

#include "bine/async/deferred.h"
#include "bine/base/error.h"
#include "bine/base/ref.h"

namespace bine::tls {

struct Outcome : Counted {
    // Once. Nobody may want it any more.
    void finish(const Error* error) {
        Promise<> told = std::move(promise);
        if (!told || !told.wanted()) return;
        if (error) {
            std::move(told).fail(*error);
        } else {
            std::move(told).resolve();
        }
    }

    Promise<> promise;
};

}  // namespace bine::tls
