// What the flow table costs, measured on the data plane alone: one worker in this process, frames in memory, no ring and no clock but
// ours. `scripts/bench --measure flows` builds and runs it.
//
// Four things: what a flow takes of memory, what an established flow's packet costs with a thousand flows and with a million, what
// choosing a port costs as they become scarce, and how long the longest burst takes while a million flows end.

import Dataplane
import Glibc

let million = 1 << 20
let few = 1 << 10

let before = residentBytes()
var large = BenchRouter(flows: million)
large.open(million)
let grown = (residentBytes() - before) / million
guard large.shared.flows.count == million else { fatalError("\(large.shared.flows.count) flows of \(million)") }
print(row("memory of a flow, index included"), "\(large.shared.flows.bytesPerFlow) bytes by the tables' sizes; \(grown) as the process has grown")

let parts = CommandLine.arguments.dropFirst()
if parts.isEmpty || parts.contains("packets") { measurePackets(&large) }
if parts.isEmpty || parts.contains("ports") { measureLastPorts() }
if parts.isEmpty || parts.contains("ending") { measureEnding(&large) }
