import Control
import Dataplane
import Net
import PacketIO
import Synchronization

extension RequestHandler {
    func portRows() -> [PortStatus] {
        core.lock.withLock { _ in
            let routing = core.writer.routing
            let statistics = core.reports.map(\.statistics)
            return ports.map { port in
                func sum(_ column: Statistics.PortColumn) -> UInt64 {
                    statistics.reduce(0) { $0 &+ $1[port.index, column] }
                }
                return PortStatus(
                    name: port.name, index: port.index, link: port.link, mode: port.mode.rawValue,
                    mac: routing.ports.mac(port.index), mtu: Int(routing.ports.mtu(port.index)),
                    isUp: routing.ports.isUp(port.index), isRunning: routing.ports.isRunning(port.index),
                    addresses: core.addresses[port.link] ?? [],
                    received: Traffic(packets: sum(.receivedPackets), bytes: sum(.receivedBytes)),
                    transmitted: Traffic(packets: sum(.transmittedPackets), bytes: sum(.transmittedBytes)),
                    lost: port.lost, queues: queues(of: port))
            }
        }
    }

    private func queues(of port: AttachedPort) -> [QueueStatus] {
        port.rings.enumerated().map { place, ring in
            let occupancy = ring.occupancy()
            func status(_ used: Int) -> RingStatus { RingStatus(used: used, size: ring.capacity) }
            return QueueStatus(
                queue: Int(ring.queue), worker: place % exchange.workerCount, fill: status(occupancy.fill),
                receive: status(occupancy.receive), transmit: status(occupancy.transmit),
                completion: status(occupancy.completion), xdp: ring.statistics().map(XDPStatistics.init))
        }
    }
}

extension AttachedPort {
    /// Frames that came to the port and no worker ever saw: no room in a ring, no chunk, no socket on their queue.
    var lost: UInt64 {
        let steering = steering()
        return rings.reduce(steering.unbound &+ steering.noRoom) { sum, ring in
            guard let statistics = ring.statistics() else { return sum }
            return sum &+ statistics.receiveDropped &+ statistics.receiveRingFull
        }
    }
}

extension XDPStatistics {
    init(_ ring: RingStatistics) {
        self.init(
            receiveDropped: ring.receiveDropped, receiveInvalid: ring.invalidFill,
            transmitInvalid: ring.invalidTransmit, receiveRingFull: ring.receiveRingFull,
            fillRingEmpty: ring.fillRingEmpty, transmitRingEmpty: ring.transmitRingEmpty)
    }
}
