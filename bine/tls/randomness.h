// Chance for OpenSSL inside of simulated worlds. Inner part of the layer.
#pragma once

namespace bine::tls {

// In a turn of a simulated reactor: from now on OpenSSL draws what it needs there from the world, so that a run can be played
// again; elsewhere from its own generator, as ever. Changes nothing in a program that simulates nothing.
void use_chance_of_worlds();

}  // namespace bine::tls
