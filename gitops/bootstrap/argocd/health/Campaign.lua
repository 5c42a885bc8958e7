-- Healthy: accepted, and doing what it declares (armed, running, over). Suspended: a brake is on, or it waits for an
-- approval. Degraded: it is not
-- valid, or something is out of order that a person must look at. What stands for an older version counts for nothing.
local status = obj.status or {}
local current = (status.observedGeneration or 0) >= (obj.metadata.generation or 0)
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
if not current or found.Valid == nil then
  return { status = "Progressing", message = "the operator has not judged this version yet" }
end

local function told(condition)
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

local function is(type, value)
  return found[type] ~= nil and found[type].status == value
end

if is("Valid", "False") then
  return { status = "Degraded", message = told(found.Valid) }
end
-- A brake is what somebody wants: it is said before what else is out of order.
if is("Suspended", "True") then
  return { status = "Suspended", message = told(found.Suspended) }
end
if is("Degraded", "True") then
  return { status = "Degraded", message = told(found.Degraded) }
end
if not is("Valid", "True") then
  return { status = "Progressing", message = told(found.Valid) }
end
if is("Planned", "False") and found.Planned.reason == "ApprovalMissing" then
  return { status = "Suspended", message = told(found.Planned) }
end
for _, type in ipairs({ "Completed", "Progressing", "Planned" }) do
  if is(type, "True") then
    return { status = "Healthy", message = told(found[type]) }
  end
end
return { status = "Healthy", message = told(found.Valid) }
