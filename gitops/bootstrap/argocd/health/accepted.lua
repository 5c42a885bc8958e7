-- CampaignApproval, Segment, MessageTemplate, SenderProfile, ContactSchema: Healthy when the operator found nothing wrong.
local status = obj.status or {}
local valid = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Valid" then
    valid = condition
  end
end
if valid == nil or (valid.observedGeneration or 0) < (obj.metadata.generation or 0) then
  return { status = "Progressing", message = "the operator has not judged this version yet" }
end
if valid.status == "False" then
  return { status = "Degraded", message = valid.reason .. ": " .. valid.message }
end
if valid.status ~= "True" then
  return { status = "Progressing", message = valid.message }
end
return { status = "Healthy", message = valid.message }
