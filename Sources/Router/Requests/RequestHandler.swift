import Control
import Dataplane
import Net
import PacketIO

/// Answers what control clients ask, each on its client's thread.
struct RequestHandler: ControlHandler {
    let core: RouterCore
    let exchange: Exchange
    let ports: [AttachedPort]
    let hostPort: AttachedPort
    let umem: Umem
    let configuration: Configuration
    let configurationPath: String
    /// When forwarding began, as CLOCK_MONOTONIC.
    let started: Instant

    func handle(_ request: Request, reply: (Reply) throws -> Void) throws {
        throw Failure("not answered")
    }
}
