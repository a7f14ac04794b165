#include "bine/async/scope.h"

namespace bine {

void Scope::cancel() noexcept {
    cancelled_ = true;
    const ChainBatch batch;
    operations_.for_each([](Scoped& operation) { operation.interrupt_scoped(); });
}

Error scope_error(const Place& place) { return {Errc::cancelled_by_scope, "cancelled by its scope", place}; }

}  // namespace bine
