import Glibc
import Net
import Testing

@testable import Dataplane

@Suite("Memory of the flow table, ready before flows come", .serialized)
struct FlowPopulationTests {
    /// Whether an element's page is there; asking does not touch it.
    private static func isResident<Element>(_ slab: Slab<Element>, _ index: Int) -> Bool where Element: ~Copyable {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let address = unsafe (Int(bitPattern: slab.base) + index * MemoryLayout<Element>.stride) / page * page
        var found: UInt8 = 0
        let result = unsafe mincore(UnsafeMutableRawPointer(bitPattern: address), page, &found)
        return result == 0 && found & 1 == 1
    }

    /// Lets it do all that there is to do, and says in how many steps.
    private static func settle(_ population: inout FlowPopulation) -> Int {
        var steps = 0
        while population.advance(), steps < 1000 { steps += 1 }
        return steps
    }

    /// Far enough from the next place asked about that no page of 2 MB holds both.
    private static let ahead = 40_000

    @Test("entries are there as far ahead as was asked, and follow the flows; the rest stays untouched")
    func follows() {
        let owners = FlowTableTests.Owners(flows: 300_000)
        let flows = owners.table.flows
        #expect(!Self.isResident(flows, 0), "nothing is there at first, or this test sees nothing")
        var population = FlowPopulation(owners.table, flowsAhead: Self.ahead)
        #expect(Self.settle(&population) > 0)
        #expect(Self.isResident(flows, 0) && Self.isResident(flows, Self.ahead))
        #expect(!Self.isResident(flows, 2 * Self.ahead))
        #expect(Self.settle(&population) == 0 && !population.isComplete)

        for number in 0..<Self.ahead { #expect(owners.add(number, until: .seconds(100), now: .seconds(1)) != 0) }
        #expect(owners.table.mostTaken >= Self.ahead && owners.table.mostTaken < Self.ahead + 128)
        #expect(Self.settle(&population) > 0)
        #expect(Self.isResident(flows, 2 * Self.ahead))
        #expect(!Self.isResident(flows, 3 * Self.ahead))
    }

    @Test("to the end of the table and no further, whatever was asked")
    func end() {
        let table = FlowTable(maximum: 100_000, workerCount: 1, key: 1)
        var population = FlowPopulation(table, flowsAhead: 1 << 30)
        #expect(Self.settle(&population) < 100 && population.isComplete)
        #expect(Self.isResident(table.flows, table.flows.count - 1))
    }
}
